/** What lies over the inbox: dialogs, menus and a panel. Back closes them, the topmost first. */

/** Closes a layer. Returns `false` where it has to stay: what it shows comes only once, or it is at work. */
export type CloseLayer = () => boolean;

export class Layers {
  /** The topmost last. */
  readonly #open: CloseLayer[] = [];
  readonly #observers = new Set<() => void>();

  get count(): number {
    return this.#open.length;
  }

  /** A layer was opened over all others. Returns what has to be called when it is gone. */
  add(close: CloseLayer): () => void {
    this.#open.push(close);
    this.#changed();
    return () => this.#remove(close);
  }

  /** Closes the topmost layer, unless it has to stay. */
  closeTop(): void {
    const top = this.#open.at(-1);
    if (top?.() === true) this.#remove(top);
  }

  /** Calls `changed` whenever layers come or go, until the returned function is called. */
  observe(changed: () => void): () => void {
    this.#observers.add(changed);
    return () => this.#observers.delete(changed);
  }

  #remove(close: CloseLayer): void {
    const at = this.#open.indexOf(close);
    if (at < 0) return;
    this.#open.splice(at, 1);
    this.#changed();
  }

  #changed(): void {
    for (const changed of this.#observers) changed();
  }
}

/** Those of this page. */
export const layers = new Layers();
