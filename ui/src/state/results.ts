/** What a search shows: its results, which keep still, below the guests who have written since it began. */
import type { Known } from './desk';
import { keepOrder, newestActivity, searched, wroteSince, type Mine, type Search } from './lists';

export interface Searching extends Search {
  key: string;
  /** Whether the server has answered: from then on the results keep their places. */
  isFound: boolean;
  mine: Mine;
}

/** Shown at most, of the guests who have written meanwhile: more would push the results off the screen. */
const MAX_WROTE = 3;

export class SearchResults {
  #key: string | null = null;
  #order: readonly number[] = [];
  #since = '';

  /** Whether the server's answer has this conversation; the guests above have only written meanwhile. */
  has(id: number): boolean {
    return this.#order.includes(id);
  }

  /** The search is over. */
  clear(): void {
    this.#key = null;
    this.#since = '';
  }

  /** The rows, and those at the top of them that are no results: their guests have only written meanwhile. */
  list(
    known: ReadonlyMap<number, Known>,
    searching: Searching,
  ): { rows: readonly Known[]; wrote: ReadonlySet<number> } {
    if (this.#since === '') this.#since = newestActivity(known.values());
    if (this.#key !== searching.key) this.#order = [];
    this.#key = searching.key;
    const placed = new Set(this.#order);
    const found = searched(known.values(), searching);
    const wrote = wroteSince(known.values(), this.#since, searching.mine).filter(({ id }) => !placed.has(id));
    // Until the server has answered, a guest who matches is a result like the others.
    const results = keepOrder(
      this.#order,
      this.#order.length > 0 ? found.filter((each) => !wrote.includes(each)) : found,
      known,
    );
    if (searching.isFound) this.#order = results.map(({ id }) => id);
    const shown = new Set(results.map(({ id }) => id));
    const above = wrote.filter(({ id }) => !shown.has(id)).slice(0, MAX_WROTE);
    return { rows: [...above, ...results], wrote: new Set(above.map(({ id }) => id)) };
  }
}
