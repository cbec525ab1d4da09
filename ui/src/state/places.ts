/** Where the rows of a list stood a moment ago: a click or tap that was on its way then was meant for what stood there. */

interface Shown<Id> {
  /** Since when, in milliseconds. */
  at: number;
  /** Names the list. */
  key: string;
  ids: readonly Id[];
}

/** How long a finger may rest before what was shown when it came is forgotten, in milliseconds. */
const LONGEST_PRESS_MS = 5_000;

export class Places<Id extends number | string> {
  readonly #now: () => number;
  readonly #settlesMs: number;
  /** The oldest first; the first one may be older than what counts, and was what was shown at that time. */
  #shown: Shown<Id>[] = [];

  constructor(now: () => number, settlesMs: number) {
    this.#now = now;
    this.#settlesMs = settlesMs;
  }

  /** The list of this key shows these rows now. */
  show(key: string, ids: readonly Id[]): void {
    const at = this.#now();
    this.#shown.push({ at, key, ids });
    const since = at - this.#settlesMs - LONGEST_PRESS_MS;
    const first = this.#shown.findLastIndex((shown) => shown.at <= since);
    if (first > 0) this.#shown.splice(0, first);
  }

  /**
   * Whether no other row has been at the place of this one since `settlesMs` before the press. Another list that the person
   * has asked for is no surprise, and where no row was, nobody has aimed at one.
   */
  isSettled(id: Id, pressedAt: number): boolean {
    const now = this.#shown.at(-1);
    if (!now) return true;
    const index = now.ids.indexOf(id);
    const since = pressedAt - this.#settlesMs;
    const first = Math.max(
      0,
      this.#shown.findLastIndex(({ at }) => at <= since),
    );
    const seen = this.#shown.slice(first).filter(({ key }) => key === now.key);
    return seen.every(({ ids }) => ids[index] === undefined || ids[index] === id);
  }
}
