/** Reads messages over HTTP into the desk, and keeps those of the conversations that were opened lately. */
import { forget } from './desk';
import { Loading } from './loading.svelte';
import { isGone, type Pages, type Place, type Query } from './pages';
import { addLines, emptyThread, insert, newest, type Thread } from './thread';

const MESSAGES = 50;
const PAGE = 200;
/** Messages before the first unread one that are read with it. */
const CONTEXT = 10;
/** More messages than this were missed: the newest page instead of all of them. */
const CATCH_UP_PAGES = 5;
/** So many pages are read to reach the first unread message. */
const UNREAD_PAGES = 5;
/** So many conversations keep their messages. */
const MAX_THREADS = 40;

export class ThreadReader {
  /** By conversation. */
  loadings = $state.raw<ReadonlyMap<number, Loading>>(new Map());
  /** The conversation on the screen: it is kept, whatever is read besides. */
  open: number | null = null;
  /** Those that stand above it, earlier ones of the same guest: they are kept, too. */
  readonly #kept = new Set<number>();

  readonly #pages: Pages;
  readonly #place: Place;
  readonly #reading = new Map<number, Promise<void>>();

  constructor(pages: Pages, place: Place) {
    this.#pages = pages;
    this.#place = place;
  }

  /** Somebody is about to open the conversation: its messages are there when they do. */
  expect(id: number): void {
    if (this.#place.desk.threads.get(id)?.stale ?? true) void this.read(id);
  }

  /** Brings a conversation's messages up to date; a reading that is under way is waited for. */
  read(id: number): Promise<void> {
    let reading = this.#reading.get(id);
    if (!reading) {
      reading = this.#read(id).finally(() => {
        this.#reading.delete(id);
        this.#makeRoom(id);
      });
      this.#reading.set(id, reading);
    }
    return reading;
  }

  /** Reads the page before the oldest loaded message. Returns whether there was one. */
  async readOlder(id: number): Promise<boolean> {
    const loading = this.#loadingOf(id);
    const thread = this.#thread(id);
    const oldest = thread.messages[0];
    if (loading.busy || !oldest || !thread.hasOlder) return false;
    return loading.run(async () => {
      const page = await this.#messages(id, { before: oldest.id, limit: PAGE });
      const thread = addLines(insert(this.#thread(id), page.results), page.lines ?? []);
      this.#set(id, { ...thread, hasOlder: page.has_more });
    });
  }

  /** Reads back to the first of so many unread messages, if it is not too far. */
  async readUnread(id: number, unread: number): Promise<void> {
    const isThere = () =>
      this.#thread(id).messages.filter(({ sender_type }) => sender_type === 'guest').length >= unread;
    for (let pages = 0; pages < UNREAD_PAGES && !isThere(); pages += 1) {
      if (!(await this.readOlder(id))) return;
    }
  }

  keep(id: number): void {
    this.#kept.add(id);
  }

  release(id: number): void {
    this.#kept.delete(id);
    this.trim(id);
  }

  /** The conversation was left: a long way back into the past is not kept. */
  trim(id: number): void {
    const thread = this.#place.desk.threads.get(id);
    if (thread && thread.messages.length > PAGE) this.#set(id, newest(thread, PAGE));
  }

  async #read(id: number): Promise<void> {
    await this.#loadingOf(id).run(async () => {
      let pages = 0;
      for (;;) {
        const known = this.#thread(id);
        // A frame that comes while this is read, and tells of a message only a line, sets it again.
        this.#set(id, { ...known, stale: false });
        const last = known.messages.at(-1);
        const isCatchingUp = last !== undefined && pages < CATCH_UP_PAGES;
        try {
          // From the last known message on: what happened after it, and what became of it, comes with it.
          const query: Query = isCatchingUp ? { after: last.id - 1, limit: PAGE } : { limit: this.#newestPage(id) };
          const page = await this.#messages(id, query);
          pages += 1;
          const now = this.#thread(id);
          const base = isCatchingUp || last === undefined ? now : { ...emptyThread, stale: now.stale };
          const read = addLines(insert(base, page.results), page.lines ?? []);
          this.#set(id, isCatchingUp ? read : { ...read, hasOlder: page.has_more });
          if (!(isCatchingUp && page.has_more) && !this.#thread(id).stale) return;
        } catch (failure) {
          if (this.#place.desk.threads.has(id)) this.#set(id, { ...this.#thread(id), stale: true });
          throw failure;
        }
      }
    });
  }

  /** What is gone on the server goes from the desk. */
  async #messages(id: number, query: Query) {
    try {
      return await this.#pages.messages(id, query);
    } catch (failure) {
      if (isGone(failure)) this.#place.desk = forget(this.#place.desk, id);
      throw failure;
    }
  }

  /** How many of the newest messages show where the unread begins. */
  #newestPage(id: number): number {
    const unread = this.#place.desk.conversations.get(id)?.unread_count ?? 0;
    return Math.min(Math.max(unread + CONTEXT, MESSAGES), PAGE);
  }

  /** Makes a conversation the last to be dropped, and drops the first when there are too many. */
  #makeRoom(id: number): void {
    const threads = new Map(this.#place.desk.threads);
    const thread = threads.get(id);
    threads.delete(id);
    if (thread) threads.set(id, thread);
    for (const old of threads.keys()) {
      if (threads.size <= MAX_THREADS) break;
      if (old !== this.open && old !== id && !this.#kept.has(old)) threads.delete(old);
    }
    this.#place.desk = { ...this.#place.desk, threads };
    const isKept = (each: number) => threads.has(each) || this.#reading.has(each) || each === this.open;
    this.loadings = new Map([...this.loadings].filter(([each]) => isKept(each)));
  }

  #loadingOf(id: number): Loading {
    const known = this.loadings.get(id);
    if (known) return known;
    const loading = new Loading();
    this.loadings = new Map(this.loadings).set(id, loading);
    return loading;
  }

  #thread(id: number): Thread {
    return this.#place.desk.threads.get(id) ?? emptyThread;
  }

  #set(id: number, thread: Thread): void {
    this.#place.desk = { ...this.#place.desk, threads: new Map(this.#place.desk.threads).set(id, thread) };
  }
}
