/** The lists of the inbox: what each holds, and what the one on the screen shows. */
import { clock } from './clock.svelte';
import type { Known } from './desk';
import { listed, sortKeyOf, type Kept, type Mine, type Shown, type Tab } from './lists';
import { searchKey, type Reader } from './reader.svelte';
import { SearchResults } from './results';
import { StillList } from './still';

/** What the lists are made of. */
export interface ListSources {
  readonly conversations: ReadonlyMap<number, Known>;
  readonly tab: Tab;
  readonly department: string | null;
  readonly query: string;
  readonly kept: Kept | null;
  readonly mine: Mine;
  readonly reader: Reader;
  readonly isFound: boolean;
}

const NONE: ReadonlySet<number> = new Set();

export class InboxLists {
  /** Somebody points at the list, or moves through it with the arrow keys: its rows keep their places. */
  isHeld = $state(false);
  readonly #of: ListSources;
  readonly #results = new SearchResults();
  readonly #still = new StillList();
  #releases = $state(0);

  constructor(sources: ListSources) {
    this.#of = sources;
  }

  /** Names the list that is shown: another one starts in its proper order. */
  readonly key = $derived.by(() => {
    const { query, tab, department } = this.#of;
    return JSON.stringify([query.trim() === '' ? tab : '', query.trim(), department]);
  });

  /** The list in its proper order. */
  readonly #ordered = $derived.by<{ rows: readonly Known[]; wrote: ReadonlySet<number> }>(() => {
    const { conversations, query, department, isFound, mine, reader, tab } = this.#of;
    if (query.trim() === '') {
      this.#results.clear();
      return { rows: listed(conversations.values(), this.#shown(tab)), wrote: NONE };
    }
    const found = isFound ? reader.found.ids : new Set<number>();
    const key = searchKey(query.trim(), department);
    return this.#results.list(conversations, { key, query, department, found, isFound, mine });
  });

  readonly #view = $derived.by(() =>
    this.#still.show(`${this.key} ${this.#releases}`, this.#ordered.rows, {
      isHeld: this.isHeld,
      known: this.#of.conversations,
      sortKey: sortKeyOf(this.#of.tab),
    }),
  );

  readonly rows = $derived(this.#view.rows);
  /** Rows that only keep their place. */
  readonly gone = $derived(this.#view.gone);
  /** How many conversations would stand above these, were they not held. */
  readonly newAbove = $derived(this.#view.above);

  /** In a search: guests who have written since it began, and whom it did not find. */
  readonly wrote = $derived(this.#ordered.wrote);

  /** In a search that was answered: whether this row is one of its results. */
  isResult(id: number): boolean {
    return this.#results.has(id);
  }

  readonly #undelivered = $derived.by(() =>
    [...this.#of.conversations.values()].filter(
      ({ undelivered_since: since }) => since !== null && since !== undefined,
    ),
  );
  /** Conversations in which an answer has not reached the guest. */
  readonly notReached = $derived(
    this.#undelivered.length === 0 ? [] : listed(this.#undelivered, this.#shown('not_reached')),
  );
  /** What the person has transferred away within a day, as it was then. */
  readonly transferred = $derived.by(() => [...this.#of.conversations.values()].filter(({ read_only }) => read_only));
  /** Conversations of the shown departments with something unread. */
  readonly unread = $derived.by(() => {
    const { conversations, department, mine } = this.#of;
    const isShown = (known: Known) => department === null || known.department === department;
    return [...conversations.values()].filter((known) => known.unread_count > 0 && mine(known) && isShown(known));
  });

  /** Puts the rows in their proper order, though they are held. */
  release(): void {
    this.#releases += 1;
  }

  #shown(tab: Tab): Shown {
    const { department, mine, kept, reader } = this.#of;
    const shown = { tab, department, mine, kept };
    if (tab === 'closed') return { ...shown, closedTo: reader.closedTo(department) };
    return tab === 'not_reached' ? { ...shown, now: clock.now } : shown;
  }
}
