/** A guest's other conversations, and those of them that stand above the open one in its log. */
import type { Known } from './desk';
import { Loading } from './loading.svelte';
import type { Reader } from './reader.svelte';
import { partsOf, type Boundary, type Part } from './rows';
import { emptyThread, type Thread } from './thread';
import type { ThreadReader } from './threads.svelte';

/** What the history reads with: another one after everything was read anew. */
export interface Sources {
  readonly conversations: ReadonlyMap<number, Known>;
  readonly threads: ReadonlyMap<number, Thread>;
  readonly reader: Reader;
  readonly threadReader: ThreadReader;
}

/** The conversations of the same guest, the newest first. */
export function othersOf(conversations: ReadonlyMap<number, Known>, open: Known): Known[] {
  const { id, guest_info: guest } = open;
  if (guest.id === 0) return [];
  const others = [...conversations.values()].filter((each) => each.guest_info.id === guest.id && each.id !== id);
  return others.sort((a, b) => b.id - a.id);
}

export class History {
  /** Reading the guest's conversations. */
  readonly list = new Loading();
  /** The conversations above the open one, the newest first. */
  #above = $state.raw<readonly number[]>([]);
  #open = $state<number | null>(null);
  #isReading = false;
  readonly #sources: Sources;
  /** What the parts were last made of. */
  #pieces: readonly (Thread | Boundary)[] = [];
  #parts: readonly Part[] = [];
  readonly #boundaries = new Map<number, Boundary>();

  constructor(sources: Sources) {
    this.#sources = sources;
  }

  get above(): readonly number[] {
    return this.#above;
  }

  /** Another conversation is open, or everything was read anew. */
  begin(id: number | null): void {
    for (const each of this.#above) this.#sources.threadReader.release(each);
    this.#above = [];
    this.#boundaries.clear();
    this.#open = id;
  }

  /** Reads which conversations the guest has had, as far as this person may read them. */
  async readList(): Promise<void> {
    const { conversations, reader } = this.#sources;
    const open = this.#open === null ? undefined : conversations.get(this.#open);
    if (!open || open.guest_info.id === 0 || open.read_only) return;
    await this.list.run(() => reader.ofGuest(open.guest_info.id));
  }

  /** What the log of the open conversation shows, the earlier ones first. The same list while nothing has changed. */
  parts(): readonly Part[] {
    if (this.#open === null) return [];
    const { conversations, threads } = this.#sources;
    const pieces: (Thread | Boundary)[] = [];
    const before = this.#before();
    if (before && !this.#hasOlder(this.#top())) pieces.push(this.#boundary(before, false));
    for (const id of [...this.#above].reverse()) {
      const known = conversations.get(id);
      pieces.push(threads.get(id) ?? emptyThread);
      if (known) pieces.push(this.#boundary(known, true));
    }
    pieces.push(threads.get(this.#open) ?? emptyThread);
    const isSame = pieces.length === this.#pieces.length && pieces.every((each, index) => each === this.#pieces[index]);
    if (isSame) return this.#parts;
    this.#pieces = pieces;
    const [only] = pieces;
    if (pieces.length === 1 && only && 'messages' in only) this.#parts = partsOf(only);
    else this.#parts = pieces.flatMap<Part>((piece) => ('messages' in piece ? partsOf(piece) : piece));
    return this.#parts;
  }

  /** Whether something earlier can be read. */
  get hasMore(): boolean {
    return this.#hasOlder(this.#top()) || this.#before() !== undefined;
  }

  /** The state of reading what stands at the top. */
  get loading(): Loading | undefined {
    const top = this.#top();
    return top === null ? undefined : this.#sources.threadReader.loadings.get(top);
  }

  /** Reads older messages of the conversation at the top; `isWanted`: also the one before it. */
  async readOlder(isWanted: boolean): Promise<void> {
    const top = this.#top();
    if (top === null || this.#isReading) return;
    const { threadReader } = this.#sources;
    if (this.#hasOlder(top)) {
      await threadReader.readOlder(top);
      return;
    }
    if (!isWanted) return;
    this.#isReading = true;
    try {
      await this.#readBefore();
    } finally {
      this.#isReading = false;
    }
  }

  /** Something was missed in one of those above: it is read again. */
  refresh(): void {
    const { threads, threadReader } = this.#sources;
    for (const id of this.#above) if (threads.get(id)?.stale) void threadReader.read(id);
  }

  /** An earlier conversation in which nothing was said is passed over. */
  async #readBefore(): Promise<void> {
    const open = this.#open;
    for (let before = this.#before(); before; before = this.#before()) {
      const { threadReader } = this.#sources;
      threadReader.keep(before.id);
      await threadReader.read(before.id);
      const isStillOpen = this.#open === open && this.#sources.threadReader === threadReader;
      if (!isStillOpen || threadReader.loadings.get(before.id)?.failure) {
        threadReader.release(before.id);
        return;
      }
      this.#above = [...this.#above, before.id];
      if ((this.#sources.threads.get(before.id)?.messages.length ?? 0) > 0) return;
    }
  }

  /** The conversation before those that are shown. */
  #before(): Known | undefined {
    const { conversations } = this.#sources;
    const open = this.#open === null ? undefined : conversations.get(this.#open);
    const top = this.#top();
    if (!open || top === null || open.read_only) return undefined;
    return othersOf(conversations, open).find(({ id, read_only }) => id < top && !read_only);
  }

  #top(): number | null {
    return this.#above.at(-1) ?? this.#open;
  }

  #hasOlder(id: number | null): boolean {
    return id !== null && (this.#sources.threads.get(id) ?? emptyThread).hasOlder;
  }

  /** The same one as long as nothing about it has changed: what was made for it is kept. */
  #boundary({ id, department, last_message_at, created_at }: Known, isShown: boolean): Boundary {
    const known = this.#boundaries.get(id);
    const ended_at = last_message_at ?? created_at;
    const isSame =
      known?.department === department && known.ended_at === ended_at && known.isShown === isShown ? known : undefined;
    const boundary = isSame ?? { conversation_id: id, department, ended_at, isShown };
    this.#boundaries.set(id, boundary);
    return boundary;
  }
}
