/** Short messages about what was done or could not be. */
import { t } from '../i18n';
import { isOffline, wordsFor } from './failure';

export interface ToastAction {
  label: string;
  run: () => unknown;
}

export interface Toast {
  id: number;
  text: string;
  failed: boolean;
  action: ToastAction | null;
  /** Called when it is dismissed by hand or by its action. */
  answered?: () => void;
  /** It says no more than that there is no connection. */
  offline: boolean;
}

const SHOWN_MS = 6_000;
const FAILURE_SHOWN_MS = 12_000;

export class Toasts {
  list = $state.raw<readonly Toast[]>([]);
  #last = 0;
  readonly #timers = new Map<number, ReturnType<typeof setTimeout>>();

  say(text: string, action: ToastAction | null = null, shownMs = SHOWN_MS): void {
    this.#show({ text, failed: false, action, offline: false }, shownMs);
  }

  /** `text`: says it for this occasion. With `again` it offers to try again. */
  fail(failure: unknown, again: (() => unknown) | null = null, text = wordsFor(failure)): void {
    const action = again && { label: t('common.try_again'), run: again };
    this.#show({ text, failed: true, action, offline: isOffline(failure) && again === null });
  }

  /** It went wrong, and something else is offered than to try again. */
  refuse(text: string, action: ToastAction): void {
    this.#show({ text, failed: true, action, offline: false });
  }

  /** The connection is back: what said that there is none is over. */
  connected(): void {
    for (const { id, offline } of this.list) if (offline) this.dismiss(id);
  }

  /** Stays until it is dismissed: it is said once, and nobody may look just now. */
  stay(text: string): void {
    this.#show({ text, failed: true, action: null, offline: false }, null);
  }

  /** A question that stays until it is answered. */
  ask(text: string, action: ToastAction, answered: () => void): void {
    this.#show({ text, failed: false, action, answered, offline: false }, null);
  }

  /** The person has dismissed it, or chosen its action. */
  answer(id: number): void {
    this.list.find((toast) => toast.id === id)?.answered?.();
    this.dismiss(id);
  }

  dismiss(id: number): void {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
    this.list = this.list.filter((toast) => toast.id !== id);
  }

  clear(): void {
    for (const { id } of this.list) this.dismiss(id);
  }

  #show(toast: Omit<Toast, 'id'>, shownMs: number | null = toast.failed ? FAILURE_SHOWN_MS : SHOWN_MS): void {
    const id = ++this.#last;
    // Three at most: older ones have been seen.
    for (const old of this.list.slice(0, -2)) this.dismiss(old.id);
    this.list = [...this.list, { ...toast, id }];
    if (shownMs === null) return;
    this.#timers.set(
      id,
      setTimeout(() => this.dismiss(id), shownMs),
    );
  }
}
