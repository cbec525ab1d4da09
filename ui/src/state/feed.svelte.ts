/** What comes in: frames change what is known; a resync reads everything anew beside it, and then takes its place. */
import type { Backend, OutboxText } from '../backend/types';
import type { Frame } from '../protocol/Frame';
import type { User } from '../protocol/User';
import { acknowledge } from './acknowledged';
import { lapseTyping, type Desk } from './desk';
import { applyFrames, type Applied, type Left } from './frames';
import { Life } from './life.svelte';

/** Frames that come within a picture are applied together. */
const BATCH_MS = 16;

/** Whose feed it is. */
export interface Listener {
  user: () => User;
  outbox: () => readonly OutboxText[];
  openId: () => number | null;
  /** Frames changed the desk, which was `before`. */
  applied: (before: Desk, left: ReadonlyMap<number, Left>) => void;
  /** All was read anew; what was known is `before`. */
  replaced: (before: Desk) => void;
}

export class Feed {
  life = $state.raw<Life>() as Life;

  readonly #backend: Backend;
  readonly #on: Listener;
  /** What is read anew, to take the place of `life`. */
  #next: Life | null = null;
  #frames: Frame[] = [];
  #batch: ReturnType<typeof setTimeout> | undefined;
  readonly #lapse: ReturnType<typeof setInterval>;

  constructor(backend: Backend, listener: Listener) {
    this.#backend = backend;
    this.#on = listener;
    this.life = this.#newLife();
    this.#lapse = setInterval(() => {
      this.life.desk = lapseTyping(this.life.desk, Date.now());
    }, 1_000);
  }

  end(): void {
    clearTimeout(this.#batch);
    clearInterval(this.#lapse);
  }

  take(frame: Frame): void {
    this.#frames.push(frame);
    this.#batch ??= setTimeout(() => this.flush(), BATCH_MS);
  }

  /** Applies what has come. */
  flush(): void {
    clearTimeout(this.#batch);
    this.#batch = undefined;
    const frames = this.#frames;
    if (frames.length === 0) return;
    this.#frames = [];
    const before = this.life.desk;
    if (this.#next) this.#apply(this.#next, frames);
    const { left } = this.#apply(this.life, frames);
    this.#on.applied(before, left);
  }

  /** Reads the lists; what could not be read anew is tried again. */
  async readLists(): Promise<void> {
    if (this.#next) await this.resync();
    else await this.life.reader.readActive();
  }

  /** Reads everything anew, beside what is shown, and shows it when it is complete. */
  async resync(): Promise<void> {
    this.flush();
    const next = this.#newLife();
    next.desk = { ...next.desk, online: this.life.desk.online, typing: this.life.desk.typing };
    this.#next = next;
    const isRead = await next.reader.readActive();
    if (this.#next !== next) return;
    if (!isRead) {
      this.life.reader.active.failure = next.reader.active.failure;
      return;
    }
    const openId = this.#on.openId();
    if (openId !== null) {
      if (!next.desk.conversations.has(openId)) await next.reader.one(openId).catch(() => {});
      if (next.desk.conversations.has(openId)) await next.threadReader.read(openId);
    }
    if (this.#next !== next) return;
    this.flush();
    const before = this.life.desk;
    this.#next = null;
    this.life = next;
    next.threadReader.open = this.#on.openId();
    this.#on.replaced(before);
  }

  /** The connection is back: what could not be read without it is read now. */
  retry(): void {
    const { reader, threadReader } = this.life;
    if (this.#next || reader.active.failure) void this.readLists();
    const openId = this.#on.openId();
    const thread = openId === null ? undefined : threadReader.loadings.get(openId);
    for (const loading of [reader.search, ...reader.closedOnes(), thread]) if (loading?.failure) void loading.again();
  }

  #newLife(): Life {
    return new Life(this.#backend, (life) => {
      // The one that is read anew begins once more; the one on the screen gives way to it.
      if (life === this.#next || (life === this.life && this.#next === null)) void this.resync();
    });
  }

  #apply(life: Life, frames: readonly Frame[]): Applied {
    const applied = applyFrames(life.desk, frames, this.#on.user(), Date.now());
    life.desk = acknowledge(applied.desk, frames, this.#on.outbox(), this.#on.user());
    if (applied.reload.size > 0) void life.reader.reload(applied.reload);
    return applied;
  }
}
