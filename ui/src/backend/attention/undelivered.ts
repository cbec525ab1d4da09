/** The person's answers that were not delivered, by conversation. */
import type { Pause } from '../types';
import type { About, NotDelivered } from './signals';
import { AMBER, earliest, keep } from './waits';

/** The oldest are forgotten. */
const MAX_ANSWERS = 1_000;

interface Answer {
  about: About;
  messageId: number;
  since: number;
  signalledAt: number | null;
}

/** What a list of them is compared with. */
export interface ListContext {
  /** Those that failed while nobody was signed in are on the screen: they are not news, and repeated later. */
  isFirst: boolean;
  /** Whether a conversation changed after the list was read: it stays as it is. */
  isNewer: (conversationId: number) => boolean;
  /** Whether a signal about the conversation would be one for this person. */
  isWanted: (about: About) => boolean;
}

export class Undelivered {
  readonly #answers = new Map<number, Answer>();

  get size(): number {
    return this.#answers.size;
  }

  get ids(): number[] {
    return [...this.#answers.keys()];
  }

  get(conversationId: number): Readonly<Answer> | undefined {
    return this.#answers.get(conversationId);
  }

  delete(conversationId: number): void {
    this.#answers.delete(conversationId);
  }

  /** An answer failed. Returns whether that is news. */
  add({ about, message_id }: NotDelivered, now: number): boolean {
    const id = about.conversation_id;
    if (this.#answers.get(id)?.messageId === message_id) return false;
    keep(this.#answers, id, { about, messageId: message_id, since: now, signalledAt: null }, MAX_ANSWERS);
    return true;
  }

  renamed(conversationId: number, change: Pick<About, 'guest_name' | 'room_number'>): void {
    const answer = this.#answers.get(conversationId);
    if (answer) answer.about = { ...answer.about, ...change };
  }

  /** All that there are were read from the server. Returns the conversations of those that are news. */
  listed(answers: readonly NotDelivered[], { isFirst, isNewer, isWanted }: ListContext, now: number): number[] {
    const before = new Map(this.#answers);
    for (const id of before.keys()) if (!isNewer(id)) this.#answers.delete(id);
    const news: number[] = [];
    for (const { about, message_id } of answers) {
      const id = about.conversation_id;
      if (isNewer(id) || !isWanted(about) || this.#answers.size >= MAX_ANSWERS) continue;
      const known = before.get(id);
      if (known && known.messageId >= message_id) {
        this.#answers.set(id, known);
        continue;
      }
      this.#answers.set(id, { about, messageId: message_id, since: now, signalledAt: isFirst ? now : null });
      if (!isFirst) news.push(id);
    }
    return news;
  }

  /** A signal was about these conversations. Returns the first of them. */
  signalled(conversationIds: readonly number[], now: number): About | null {
    let first: About | null = null;
    for (const id of conversationIds) {
      const answer = this.#answers.get(id);
      if (!answer) continue;
      answer.signalledAt = now;
      first ??= answer.about;
    }
    return first;
  }

  /** The server's time is earlier than was thought. */
  clockWentBack(by: number): void {
    for (const answer of this.#answers.values()) {
      answer.since -= by;
      if (answer.signalledAt !== null) answer.signalledAt -= by;
    }
  }

  /** When one of them has to be signalled (again). `period`: between repeats; `null`: never. */
  due(pause: Pause | null, period: number | null, silencedUntil: number): number | null {
    if (pause?.until === null) return null;
    const due = [...this.#answers.values()].map(({ since, signalledAt }) => {
      if (signalledAt !== null && period === null) return null;
      const at = signalledAt === null ? since : Math.max(since + AMBER, signalledAt + (period ?? 0));
      return Math.max(at, silencedUntil, pause?.until ?? -Infinity);
    });
    return earliest(due);
  }
}
