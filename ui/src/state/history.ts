/**
 * The browser's history: a reload opens the same conversation again, and on a phone Back leads from a conversation to
 * the list.
 */

interface Entry {
  user: number;
  open: number | null;
  /** It was added for this conversation: the list is behind it. */
  isAdded: boolean;
}

interface Handlers {
  /** There is room for the list or the conversation, not for both. */
  isOneColumn: () => boolean;
  /** The browser went to this conversation, or to the list. */
  went: (open: number | null) => void;
}

export class OpenHistory {
  readonly #user: number;
  readonly #on: Handlers;

  constructor(user: number, handlers: Handlers) {
    this.#user = user;
    this.#on = handlers;
  }

  /** What this person had open when the page was reloaded. */
  get open(): number | null {
    return this.#entry?.open ?? null;
  }

  /** Observes the browser until the returned function is called. */
  observe(): () => void {
    addEventListener('popstate', this.#popped);
    return () => removeEventListener('popstate', this.#popped);
  }

  /** The person opened a conversation, or went back to the list. */
  opened(open: number | null): void {
    const entry = this.#entry;
    if ((entry?.open ?? null) === open && entry !== null) return;
    if (open === null && entry?.isAdded === true) {
      history.back();
    } else if (open !== null && (entry?.open ?? null) === null && this.#on.isOneColumn()) {
      this.#replace({ open: null, isAdded: false });
      history.pushState({ user: this.#user, open, isAdded: true } satisfies Entry, '');
    } else {
      this.#replace({ open, isAdded: entry?.isAdded ?? false });
    }
  }

  /** Back was used for something that lies over the conversation: this one stays open. */
  stay(open: number | null): void {
    if (open !== null) history.pushState({ user: this.#user, open, isAdded: true } satisfies Entry, '');
  }

  get #entry(): Entry | null {
    const entry = history.state as Entry | null;
    return entry?.user === this.#user ? entry : null;
  }

  #replace(entry: Omit<Entry, 'user'>): void {
    history.replaceState({ user: this.#user, ...entry } satisfies Entry, '');
  }

  readonly #popped = (): void => this.#on.went(this.open);
}
