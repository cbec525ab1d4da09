/** Conversations that somebody has just started, and nobody waits in. */
import type { About } from './signals';
import { keep } from './waits';

/** Gateways' conversations are announced just before their first message: until then, a colleague may have begun. */
const FIRST_MESSAGE_WITHIN = 1_000;
/** The oldest are forgotten. */
const MAX_STARTED = 1_000;

export class Started {
  readonly #started = new Map<number, { about: About; dueAt: number }>();

  get(conversationId: number): About | undefined {
    return this.#started.get(conversationId)?.about;
  }

  add(about: About, now: number): void {
    keep(this.#started, about.conversation_id, { about, dueAt: now + FIRST_MESSAGE_WITHIN }, MAX_STARTED);
  }

  delete(conversationId: number): void {
    this.#started.delete(conversationId);
  }

  renamed(conversationId: number, change: Pick<About, 'guest_name' | 'room_number'>): void {
    const known = this.#started.get(conversationId);
    if (known) known.about = { ...known.about, ...change };
  }

  /** The server's time is earlier than was thought. */
  clockWentBack(by: number): void {
    for (const started of this.#started.values()) started.dueAt -= by;
  }

  /** When each has to be signalled, unless a guest's message comes first. */
  get due(): number[] {
    return [...this.#started.values()].map(({ dueAt }) => dueAt);
  }

  /** Removes those that no guest's message has followed, the oldest conversation first. */
  takeDue(now: number): About[] {
    const due: About[] = [];
    for (const [id, { about, dueAt }] of [...this.#started].sort(([a], [b]) => a - b)) {
      if (dueAt > now) continue;
      this.#started.delete(id);
      due.push(about);
    }
    return due;
  }
}
