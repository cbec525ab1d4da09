/** Reads lists of conversations over HTTP into the desk. */
import { serverTime } from '../backend/server_time';
import type { Position } from '../backend/types';
import type { ConversationPage } from '../protocol/ConversationPage';
import { NOT_YET_MS } from './delivery';
import { dropMissing, forget, mergeConversations, mergeNotReached, mergeOne } from './desk';
import { Loading } from './loading.svelte';
import { isGone, type Pages, type Place } from './pages';

const FIRST_PAGE = 60;
const PAGE = 200;
/** More conversations than this are completed by reading the list. */
const MAX_SINGLY = 20;

/** How far the closed conversations of a department are read. */
class Closed {
  readonly loading = new Loading();
  hasMore = true;
  cursor: string | null = null;
  /** The activity of the oldest one that was read, while there are more; `''`: all are. */
  to = $state('');
}

/** What the server found, and for what. */
export interface Found {
  key: string | null;
  ids: ReadonlySet<number>;
}

/** Two searches of the same key are the same. */
export function searchKey(q: string, department: string | null): string {
  return JSON.stringify([q, department]);
}

export class Reader {
  /** Everything active: read to its end, so that counts are right. */
  readonly active = new Loading();
  readonly search = new Loading();
  /** Somebody waits: the list can be drawn before the rest is read. */
  isWaitingRead = $state(false);
  /** Where the oldest page was read: what happened since is told by events. */
  position: Position | null = null;
  found = $state.raw<Found>({ key: null, ids: new Set() });

  readonly #pages: Pages;
  readonly #place: Place;
  readonly #closed = new Map<string | null, Closed>();
  #searchCursor: string | null = null;
  readonly #reloading = new Set<number>();
  #onLocated: (() => void) | null = null;

  constructor(pages: Pages, place: Place) {
    this.#pages = pages;
    this.#place = place;
  }

  /**
   * Calls `run` once, as soon as the position is known and before the first list is drawn. No promise: what follows one
   * runs only after the list has been drawn.
   */
  whenLocated(run: () => void): void {
    if (this.position === null) this.#onLocated = run;
    else run();
  }

  /** Reads who waits, then everything active. Returns whether it succeeded. */
  readActive(): Promise<boolean> {
    return this.active.run(async (isNewest) => {
      const waiting = await this.#pages.conversations({ waiting: 'true', limit: PAGE });
      this.position ??= { epoch: waiting.epoch, seq: waiting.seq };
      this.#onLocated?.();
      this.#onLocated = null;
      this.#take(waiting);
      this.isWaitingRead ||= waiting.results.length > 0;
      const seen = new Set<number>();
      let cursor: string | null = null;
      let first: number | null = null;
      do {
        const limit = first === null ? FIRST_PAGE : PAGE;
        const page: ConversationPage = await this.#pages.conversations({ status: 'active', limit, cursor });
        // A newer reading has begun: it will finish the work.
        if (!isNewest()) return;
        this.#take(page);
        for (const { id } of page.results) seen.add(id);
        first ??= page.seq;
        cursor = page.next_cursor;
        this.active.done = true;
      } while (cursor !== null);
      this.#place.desk = dropMissing(this.#place.desk, seen, first);
    });
  }

  /** `null`: of all departments. */
  closed(department: string | null): Loading {
    return this.#closedOf(department).loading;
  }

  closedTo(department: string | null): string {
    return this.#closedOf(department).to;
  }

  closedOnes(): Loading[] {
    return [...this.#closed.values()].map(({ loading }) => loading);
  }

  /** Reads the next page of closed conversations. */
  async readClosed(department: string | null = null): Promise<void> {
    const closed = this.#closedOf(department);
    if (closed.loading.busy || !closed.hasMore) return;
    await closed.loading.run(async () => {
      const { cursor } = closed;
      const page = await this.#pages.conversations({ status: 'closed', department, limit: FIRST_PAGE, cursor });
      this.#take(page);
      closed.cursor = page.next_cursor;
      closed.hasMore = page.next_cursor !== null;
      const last = page.results.at(-1);
      closed.to = closed.hasMore && last ? (last.last_message_at ?? last.created_at) : '';
    });
  }

  async readSearch(q: string, department: string | null): Promise<void> {
    this.#searchCursor = null;
    await this.#readFound(q, department, new Set());
  }

  /** Reads on in what was found for this. */
  async moreSearch(q: string, department: string | null): Promise<void> {
    const isMore = this.found.key === searchKey(q, department) && this.#searchCursor !== null;
    if (isMore && !this.search.busy) await this.#readFound(q, department, this.found.ids);
  }

  /** Reads what is in no other list: what was transferred away, and which answers could not be delivered. */
  readBesides(): void {
    const isOld = (since: string) => serverTime.now() - Date.parse(since) >= NOT_YET_MS;
    // What cannot be read now is read after the next resync; nothing else depends on it.
    Promise.all([this.readTransferred(), this.readNotReached(isOld)]).catch(() => {});
  }

  /** Reads what the person has transferred to other departments within a day. */
  async readTransferred(): Promise<void> {
    const page = await this.#pages.conversations({ transferred: 'true', status: 'all', limit: PAGE });
    // Older servers ignore the query parameter.
    this.#take({ ...page, results: page.results.filter(({ read_only }) => read_only) });
  }

  /** Reads the conversations in which an answer has not reached the guest: only the server knows which have failed. */
  async readNotReached(isOld: (since: string) => boolean): Promise<void> {
    const page = await this.#pages.conversations({ not_reached: 'true', limit: PAGE });
    const results = page.results.filter(({ undelivered_since: since }) => since !== null && since !== undefined);
    this.#place.desk = mergeNotReached(this.#place.desk, { ...page, results }, isOld);
  }

  /** Reads the conversations of a guest. */
  async ofGuest(guest: number): Promise<void> {
    this.#take(await this.#pages.conversations({ guest_id: guest, status: 'all', limit: PAGE }));
  }

  /** Reads one conversation; a gone or foreign one leaves the desk. Throws when it cannot be known. */
  async one(id: number): Promise<void> {
    try {
      for (let attempt = 0; attempt < 3; attempt += 1) {
        const seq = this.#place.desk.conversations.get(id)?.seq;
        const read = await this.#pages.one(id);
        const merged = mergeOne(this.#place.desk, read, seq);
        if (merged) {
          this.#place.desk = merged;
          return;
        }
      }
    } catch (failure) {
      if (isGone(failure)) this.#place.desk = forget(this.#place.desk, id);
      throw failure;
    }
  }

  /** Completes what frames told only a part of. */
  async reload(ids: ReadonlySet<number>): Promise<void> {
    if (ids.size > MAX_SINGLY) {
      await this.readActive();
      return;
    }
    for (const id of ids) {
      if (this.#reloading.has(id)) continue;
      this.#reloading.add(id);
      try {
        await this.one(id);
      } catch {
        // What the frame told stays on the screen; the next one tries again.
      } finally {
        this.#reloading.delete(id);
      }
    }
  }

  async #readFound(q: string, department: string | null, known: ReadonlySet<number>): Promise<void> {
    await this.search.run(async (isNewest) => {
      const cursor = this.#searchCursor;
      const page = await this.#pages.conversations({ status: 'all', q, department, limit: FIRST_PAGE, cursor });
      if (!isNewest()) return;
      this.#take(page);
      this.found = { key: searchKey(q, department), ids: new Set([...known, ...page.results.map(({ id }) => id)]) };
      this.#searchCursor = page.next_cursor;
    });
  }

  #closedOf(department: string | null): Closed {
    const closed = this.#closed.get(department) ?? new Closed();
    this.#closed.set(department, closed);
    return closed;
  }

  #take(page: ConversationPage): void {
    this.#place.desk = mergeConversations(this.#place.desk, page);
  }
}
