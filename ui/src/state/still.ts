/**
 * Keeps the rows of a list in their places while a person points at them or moves through them with the arrow keys:
 * a click or Enter then reaches the row that was seen.
 */
import type { Known } from './desk';

export interface StillRows {
  rows: readonly Known[];
  /** How many conversations have come, or would move up, since the rows were held. */
  above: number;
  /** Rows that only keep their place: their conversations are gone, and nothing of them may be shown. */
  gone: ReadonlySet<number>;
}

const NONE: ReadonlySet<number> = new Set();

/** What a list looked like when its rows were held. */
interface Held {
  key: string;
  ids: readonly number[];
  /** What each row was sorted by. */
  sortedBy: ReadonlyMap<number, string>;
}

export class StillList {
  #held: Held | null = null;
  #rows: readonly Known[] = [];

  /**
   * What to show of `next`, the list in its proper order. `key` names the list: another list starts in its proper
   * order. While `isHeld`, rows keep their places, and show their present state; a conversation that leaves the list
   * keeps its row, which is empty when the conversation is gone; one that comes after all others is added at the end; others that come are only counted.
   */
  show(
    key: string,
    next: readonly Known[],
    {
      isHeld,
      known,
      sortKey,
    }: { isHeld: boolean; known: ReadonlyMap<number, Known>; sortKey: (each: Known) => string | null },
  ): StillRows {
    if (!isHeld || this.#held?.key !== key) {
      this.#rows = next;
      this.#held = {
        key,
        ids: next.map(({ id }) => id),
        sortedBy: new Map(next.map((each) => [each.id, sortKey(each) ?? ''])),
      };
      return { rows: next, above: 0, gone: NONE };
    }
    const shown = new Set(this.#rows.map(({ id }) => id));
    let tail = next.length;
    while (tail > 0 && !shown.has(next[tail - 1]?.id ?? 0)) tail -= 1;
    const present = this.#rows.map((row) => known.get(row.id) ?? row);
    this.#rows = [...present, ...next.slice(tail)];
    const gone = new Set(this.#rows.map(({ id }) => id).filter((id) => !known.has(id)));
    return { rows: this.#rows, above: countAbove(this.#held, next.slice(0, tail), shown, sortKey), gone };
  }
}

function countAbove(
  held: Held,
  next: readonly Known[],
  shown: ReadonlySet<number>,
  sortKey: (each: Known) => string | null,
): number {
  const places = new Map(held.ids.map((id, index) => [id, index]));
  let common = 0;
  let above = 0;
  for (const each of next) {
    if (!shown.has(each.id)) {
      above += 1;
      continue;
    }
    const place = places.get(each.id);
    const hasMoved = place !== undefined && common < place && held.sortedBy.get(each.id) !== (sortKey(each) ?? '');
    if (hasMoved) above += 1;
    common += 1;
  }
  return above;
}
