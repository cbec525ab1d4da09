/**
 * The browser's history: a reload opens the same conversation again, and on a phone Back closes what lies over the
 * page, then leads from a conversation to the list.
 */
import type { Layers } from './layers';

interface Entry {
  user: number;
  open: number | null;
  /** It was added for this conversation: the list is behind it. */
  isAdded: boolean;
  /** How many layers lie over the page. The browser's history has one earlier entry for each of them. */
  layers: number;
}

interface Handlers {
  /** There is room for the list or the conversation, not for both. */
  isOneColumn: () => boolean;
  /** Back is a gesture or a key of the device: people use it to close things. */
  isTouched: () => boolean;
  /** The browser went to this conversation, or to the list. */
  went: (open: number | null) => void;
}

export class OpenHistory {
  readonly #user: number;
  readonly #layers: Layers;
  readonly #on: Handlers;
  #open: number | null = null;
  /** This class has called `history.go`, which takes effect later. */
  #isGoing = false;
  #isScheduled = false;

  constructor(user: number, layers: Layers, handlers: Handlers) {
    this.#user = user;
    this.#layers = layers;
    this.#on = handlers;
  }

  /** What this person had open when the page was reloaded. */
  get open(): number | null {
    return this.#entry?.open ?? null;
  }

  /** Observes the browser and the layers until the returned function is called. */
  observe(): () => void {
    const stop = this.#layers.observe(this.#schedule);
    addEventListener('popstate', this.#popped);
    this.#schedule();
    return () => {
      stop();
      removeEventListener('popstate', this.#popped);
    };
  }

  /** The person opened a conversation, or went back to the list. */
  opened(open: number | null): void {
    this.#open = open;
    this.#schedule();
  }

  get #entry(): Entry | null {
    const entry = history.state as Entry | null;
    return entry?.user === this.#user ? entry : null;
  }

  /** A layer that closes and the conversation that opens with it are one change. */
  readonly #schedule = (): void => {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#update();
    });
  };

  /** Makes the history say what is on the screen. */
  #update(): void {
    if (this.#isGoing) return;
    const entry = this.#entry;
    const known = entry?.layers ?? 0;
    const isOther = entry === null || entry.open !== this.#open;
    // Entries of layers stand on the one of their page: they go first.
    if (this.#layers.count < known || (isOther && known > 0)) {
      this.#go(isOther ? -known : this.#layers.count - known);
      return;
    }
    if (isOther && this.#open === null && entry?.isAdded === true) {
      this.#go(-1);
      return;
    }
    if (isOther) this.#openPage(entry);
    if (!this.#hasBack) return;
    const isAdded = this.#entry?.isAdded ?? false;
    for (let layers = known + 1; layers <= this.#layers.count; layers += 1) {
      history.pushState({ user: this.#user, open: this.#open, isAdded, layers } satisfies Entry, '');
    }
  }

  /** Back closes what is open instead of leaving the page. */
  get #hasBack(): boolean {
    return this.#on.isOneColumn() || this.#on.isTouched();
  }

  #openPage(entry: Entry | null): void {
    const page: Entry = { user: this.#user, open: this.#open, isAdded: entry?.isAdded ?? false, layers: 0 };
    if (this.#open !== null && (entry?.open ?? null) === null && this.#hasBack) {
      history.replaceState({ ...page, open: null, isAdded: false } satisfies Entry, '');
      history.pushState({ ...page, isAdded: true } satisfies Entry, '');
    } else {
      history.replaceState(page, '');
    }
  }

  #go(steps: number): void {
    this.#isGoing = true;
    history.go(steps);
  }

  readonly #popped = (): void => {
    const isOwn = this.#isGoing;
    this.#isGoing = false;
    const entry = this.#entry;
    if (isOwn) {
      this.#update();
    } else if (this.#layers.count > 0) {
      // Only this: whatever conversation the browser went to, the one beneath stays open.
      this.#layers.closeTop();
      this.#schedule();
    } else if ((entry?.layers ?? 0) > 0) {
      // Forward does not open a layer again.
      this.#schedule();
    } else {
      this.#open = entry?.open ?? null;
      this.#on.went(this.#open);
    }
  };
}
