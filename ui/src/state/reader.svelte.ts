/** Reads lists and messages over HTTP into the desk. */
import type { Backend } from '../backend/types';
import type { Conversation } from '../protocol/Conversation';
import type { ConversationPage } from '../protocol/ConversationPage';
import type { MessagePage } from '../protocol/MessagePage';
import { dropMissing, mergeConversations, mergeOne, type Desk } from './desk';
import { codeOf } from './failure';
import { Loading } from './loading.svelte';
import { emptyThread, insert, type Thread } from './thread';

const LIST = '/chat/conversations/';
const FIRST_PAGE = 60;
const PAGE = 200;
const MESSAGES = 50;
/** Messages before the first unread one that are read with it. */
const CONTEXT = 10;
/** More messages than this were missed: the newest page instead of all of them. */
const CATCH_UP_PAGES = 5;

/** Where the desk lives. */
export interface Place {
  desk: Desk;
}

export class Reader {
  /** Everything active: read to its end, so that counts are right. */
  readonly active = new Loading();
  readonly closed = new Loading();
  readonly search = new Loading();
  found = $state.raw<readonly number[]>([]);
  moreClosed = $state(true);
  moreFound = $state(false);
  /** By conversation. */
  threads = $state.raw<ReadonlyMap<number, Loading>>(new Map());

  readonly #backend: Backend;
  readonly #place: Place;
  #closedCursor: string | null = null;
  #searchCursor: string | null = null;
  #searched = '';
  #activeRun = 0;
  readonly #reloading = new Set<number>();
  readonly #reading = new Map<number, Promise<void>>();

  constructor(backend: Backend, place: Place) {
    this.#backend = backend;
    this.#place = place;
  }

  /** Reads who waits, then everything active. */
  async readActive(): Promise<void> {
    const run = ++this.#activeRun;
    await this.active.run(async () => {
      const waiting = await this.#page({ waiting: 'true', limit: PAGE });
      this.#take(waiting);
      const seen = new Set<number>();
      let cursor: string | null = null;
      let first: number | null = null;
      do {
        const page = await this.#page({ status: 'active', limit: first === null ? FIRST_PAGE : PAGE, cursor });
        // A newer reading has begun: it will finish the work.
        if (run !== this.#activeRun) return;
        this.#take(page);
        for (const { id } of page.results) seen.add(id);
        first ??= page.seq;
        cursor = page.next_cursor;
        if (!this.active.done) this.active.done = true;
      } while (cursor !== null);
      this.#place.desk = dropMissing(this.#place.desk, seen, first);
    });
  }

  async readClosed(again = false): Promise<void> {
    if (this.closed.busy) return;
    if (again) this.#closedCursor = null;
    else if (!this.moreClosed) return;
    await this.closed.run(async () => {
      const page = await this.#page({ status: 'closed', limit: FIRST_PAGE, cursor: this.#closedCursor });
      this.#take(page);
      this.#closedCursor = page.next_cursor;
      this.moreClosed = page.next_cursor !== null;
    });
  }

  async readSearch(q: string, department: string | null): Promise<void> {
    this.#searched = `${department} ${q}`;
    this.#searchCursor = null;
    await this.#readFound(q, department, true);
  }

  async moreSearch(q: string, department: string | null): Promise<void> {
    if (this.moreFound && !this.search.busy) await this.#readFound(q, department, false);
  }

  async #readFound(q: string, department: string | null, isFirst: boolean): Promise<void> {
    const wanted = this.#searched;
    await this.search.run(async () => {
      const page = await this.#page({ status: 'all', q, department, limit: FIRST_PAGE, cursor: this.#searchCursor });
      if (wanted !== this.#searched) return;
      this.#take(page);
      const ids = page.results.map(({ id }) => id);
      this.found = isFirst ? ids : [...new Set([...this.found, ...ids])];
      this.#searchCursor = page.next_cursor;
      this.moreFound = page.next_cursor !== null;
    });
  }

  /** Earlier conversations of a guest, newest first. */
  async earlier(conversation: Conversation): Promise<Conversation[]> {
    const { id: guest, name } = conversation.guest_info;
    const page = await this.#page({ status: 'all', q: name, limit: PAGE });
    return page.results.filter(({ id, guest_info }) => guest_info.id === guest && id !== conversation.id);
  }

  /** Reads one conversation; a gone or foreign one leaves the desk. Throws when it cannot be known. */
  async one(id: number): Promise<void> {
    try {
      for (let attempt = 0; attempt < 3; attempt += 1) {
        const seq = this.#place.desk.conversations.get(id)?.seq;
        const read = await this.#backend.request<Conversation>('GET', `${LIST}${id}/`);
        const merged = mergeOne(this.#place.desk, read, seq);
        if (merged) {
          this.#place.desk = merged;
          return;
        }
      }
    } catch (failure) {
      if (['conversation_not_found', 'access_denied', 'forbidden', 'not_found'].includes(codeOf(failure))) {
        const conversations = new Map(this.#place.desk.conversations);
        conversations.delete(id);
        this.#place.desk = { ...this.#place.desk, conversations };
      }
      throw failure;
    }
  }

  /** Completes what frames told only a part of. */
  async reload(ids: ReadonlySet<number>): Promise<void> {
    if (ids.size > 20) return this.readActive();
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

  loadingOf(id: number): Loading | undefined {
    return this.threads.get(id);
  }

  /** Somebody is about to open the conversation: its messages are there when they do. */
  expect(id: number): void {
    if (this.#place.desk.threads.get(id)?.stale ?? true) void this.readThread(id);
  }

  /** Brings a conversation's messages up to date; a reading that is under way is waited for. */
  readThread(id: number): Promise<void> {
    let reading = this.#reading.get(id);
    if (!reading) {
      reading = this.#readThread(id).finally(() => this.#reading.delete(id));
      this.#reading.set(id, reading);
    }
    return reading;
  }

  async #readThread(id: number): Promise<void> {
    await this.#loadingOf(id).run(async () => {
      let pages = 0;
      for (;;) {
        const known = this.#thread(id);
        // A frame that comes while this is read, and tells of a message only a line, sets it again.
        this.#setThread(id, { ...known, stale: false });
        const last = known.messages.at(-1);
        const isCatchingUp = last !== undefined && pages < CATCH_UP_PAGES;
        try {
          const query = isCatchingUp ? `after=${last.id}&limit=${PAGE}` : `limit=${this.#newestPage(id)}`;
          const page = await this.#messages(id, query);
          pages += 1;
          const now = this.#thread(id);
          if (isCatchingUp) this.#setThread(id, insert(now, page.results));
          else {
            const base = last === undefined ? now : { ...emptyThread, stale: now.stale };
            this.#setThread(id, { ...insert(base, page.results), hasOlder: page.has_more });
          }
          if (!(isCatchingUp && page.has_more) && !this.#thread(id).stale) return;
        } catch (failure) {
          this.#setThread(id, { ...this.#thread(id), stale: true });
          throw failure;
        }
      }
    });
  }

  /** How many of the newest messages show where the unread begins. */
  #newestPage(id: number): number {
    const unread = this.#place.desk.conversations.get(id)?.unread_count ?? 0;
    return Math.min(Math.max(unread + CONTEXT, MESSAGES), PAGE);
  }

  /** Reads the page before the oldest loaded message. */
  async readOlder(id: number): Promise<void> {
    const loading = this.#loadingOf(id);
    const thread = this.#thread(id);
    const oldest = thread.messages[0];
    if (loading.busy || !oldest || !thread.hasOlder) return;
    await loading.run(async () => {
      const page = await this.#messages(id, `before=${oldest.id}&limit=${MESSAGES}`);
      this.#setThread(id, { ...insert(this.#thread(id), page.results), hasOlder: page.has_more });
    });
  }

  #loadingOf(id: number): Loading {
    const known = this.threads.get(id);
    if (known) return known;
    const loading = new Loading();
    this.threads = new Map(this.threads).set(id, loading);
    return loading;
  }

  #thread(id: number): Thread {
    return this.#place.desk.threads.get(id) ?? emptyThread;
  }

  #setThread(id: number, thread: Thread): void {
    this.#place.desk = { ...this.#place.desk, threads: new Map(this.#place.desk.threads).set(id, thread) };
  }

  #take({ results, seq }: ConversationPage): void {
    this.#place.desk = mergeConversations(this.#place.desk, results, seq);
  }

  #page(query: Record<string, string | number | null>): Promise<ConversationPage> {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) if (value !== null) search.set(name, String(value));
    return this.#backend.request('GET', `${LIST}?${search}`);
  }

  #messages(id: number, query: string): Promise<MessagePage> {
    return this.#backend.request('GET', `${LIST}${id}/messages/?${query}`);
  }
}
