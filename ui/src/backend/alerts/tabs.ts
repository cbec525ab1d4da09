/**
 * Other tabs of the same browser. Each of them works out by itself what deserves attention; they share who sits in
 * front of which conversation, and only one of them plays a sound or shows a notification.
 */
import { randomId } from '../random';
import type { Presence } from '../types';

/** Tabs come to the same result within this time. */
const SAME_MS = 2_000;

export type TabMessage =
  | { kind: 'presence'; presence: Presence; open: number | null }
  | { kind: 'silence' }
  /** The preferences or the pause were changed. */
  | { kind: 'changed' }
  /** The person signed out. */
  | { kind: 'left' };

export class Tabs {
  readonly #channel: BroadcastChannel | null;
  readonly #key: string;
  readonly #tab = randomId();

  constructor(userId: number, on: (message: TabMessage) => void) {
    this.#key = `frontdesk.alerted.${userId}`;
    this.#channel = 'BroadcastChannel' in globalThis ? new BroadcastChannel(`frontdesk.alerts.${userId}`) : null;
    this.#channel?.addEventListener('message', ({ data }: MessageEvent<TabMessage>) => on(data));
  }

  tell(message: TabMessage): void {
    this.#channel?.postMessage(message);
  }

  /** Whether no other tab has just done the same. */
  claim(what: string): boolean {
    const now = Date.now();
    const key = `${this.#key}.${what}`;
    try {
      const [tab, at] = (localStorage.getItem(key) ?? '').split(' ');
      if (tab !== this.#tab && Math.abs(now - Number(at)) < SAME_MS) return false;
      localStorage.setItem(key, `${this.#tab} ${now}`);
    } catch {
      // Without storage, two sounds are better than none.
    }
    return true;
  }

  close(): void {
    this.#channel?.close();
  }
}
