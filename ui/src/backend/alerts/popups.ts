/** Notifications of the browser, where the address is a secure context and the person allowed them. */
import type { AlertTest, NotificationPermissionState } from '../types';
import type { Words } from './words';

export class Popups {
  readonly #clicked: (conversationId: number) => void;
  /** Those that are shown, by tag. */
  readonly #shown = new Map<string, Notification>();

  constructor(clicked: (conversationId: number) => void) {
    this.#clicked = clicked;
  }

  get permission(): NotificationPermissionState {
    return 'Notification' in globalThis && isSecureContext ? Notification.permission : 'unavailable';
  }

  async ask(): Promise<boolean> {
    return this.permission !== 'unavailable' && (await Notification.requestPermission()) === 'granted';
  }

  /** `isSilent`: the page plays a sound itself. */
  show({ title, body, tag, conversationId }: Words, isUrgent: boolean, isSilent: boolean): AlertTest['notification'] {
    const { permission } = this;
    if (permission !== 'granted') return permission === 'unavailable' ? 'unavailable' : 'not_allowed';
    try {
      const options = { body, tag: `frontdesk-${tag}`, silent: isSilent, requireInteraction: isUrgent };
      const notification = new Notification(title, options);
      this.#shown.set(tag, notification);
      notification.onclose = () => {
        if (this.#shown.get(tag) === notification) this.#shown.delete(tag);
      };
      notification.onclick = () => {
        window.focus();
        notification.close();
        if (conversationId !== null) this.#clicked(conversationId);
      };
      return 'shown';
    } catch {
      // Browsers of phones have no such notifications.
      return 'unavailable';
    }
  }

  /** Those for which `isOver` holds tell nothing any more. */
  close(isOver: (tag: string) => boolean): void {
    for (const [tag, notification] of this.#shown) {
      if (!isOver(tag)) continue;
      this.#shown.delete(tag);
      notification.close();
    }
  }
}
