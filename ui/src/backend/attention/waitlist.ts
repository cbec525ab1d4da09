/** All guests who wait, by conversation. */
import type { Conversation } from '../../protocol/Conversation';
import type { Alert } from '../types';
import type { About } from './signals';
import { AMBER, listedWait, longestFirst, RED, type Wait } from './waits';

/** The newest ones beyond that are not counted. */
const MAX_WAITS = 5_000;
const MAX_IN_ALERT = 50;
const MAX_FOLLOWED = 200;

export class WaitList {
  #waits = new Map<number, Wait>();

  get(conversationId: number): Wait | undefined {
    return this.#waits.get(conversationId);
  }

  set(conversationId: number, wait: Wait): void {
    if (this.#waits.size < MAX_WAITS || this.#waits.has(conversationId)) this.#waits.set(conversationId, wait);
  }

  delete(conversationId: number): void {
    this.#waits.delete(conversationId);
  }

  all(): Wait[] {
    return [...this.#waits.values()];
  }

  /** All but the one of this conversation, the longest wait first. */
  except(conversationId: number | null): Wait[] {
    return this.#sorted().filter(({ about }) => about.conversation_id !== conversationId);
  }

  /** How many have something unread. */
  get unread(): number {
    return this.all().filter(({ isUnread }) => isUnread).length;
  }

  /** When their rows turn amber or red next. */
  limitsAfter(now: number): number[] {
    const limits = this.all().flatMap(({ since }) => [since + AMBER, since + RED]);
    return limits.filter((limit) => limit > now);
  }

  /** The conversations that have waited past amber, the longest wait first. */
  pastAmber(now: number): Set<number> {
    const past = this.#sorted().filter(({ since }) => since + AMBER <= now);
    return new Set(past.slice(0, MAX_FOLLOWED).map(({ about }) => about.conversation_id));
  }

  /** The line about all but the one of this conversation; `null`: nobody else waits. */
  alertExcept(conversationId: number | null, now: number): Alert | null {
    const waiting = this.except(conversationId);
    const longest = waiting[0];
    if (!longest) return null;
    const { conversation_id, guest_name, room_number, department } = longest.about;
    const waiting_since = new Date(longest.since).toISOString();
    return {
      conversation_ids: waiting.slice(0, MAX_IN_ALERT).map(({ about }) => about.conversation_id),
      count: waiting.length,
      is_past_red: longest.since + RED <= now,
      longest: { conversation_id, guest_name, room_number, department, waiting_since },
    };
  }

  /** The server's time is earlier than was thought: what was noted in the time before moves with it. */
  clockWentBack(by: number): void {
    for (const wait of this.#waits.values()) {
      if (wait.signalledAt !== null) wait.signalledAt -= by;
      wait.heldUntil -= by;
      wait.typedUntil -= by;
    }
  }

  /** Only those for which `isKept` holds stay. */
  keepOnly(isKept: (about: About) => boolean): void {
    for (const [id, { about }] of this.#waits) if (!isKept(about)) this.#waits.delete(id);
  }

  /**
   * All who wait were read from the server. Conversations for which `isNewer` holds stay as they are, and only those
   * for which `isWanted` holds are taken. Returns those in which something has come.
   */
  listed(
    conversations: readonly Conversation[],
    { isNewer, isWanted }: { isNewer: (id: number) => boolean; isWanted: (conversation: Conversation) => boolean },
  ): number[] {
    const before = this.#waits;
    this.#waits = new Map([...before].filter(([id]) => isNewer(id)));
    const arrived: number[] = [];
    for (const conversation of conversations) {
      const { id, waiting_since, status } = conversation;
      if (waiting_since === null || status !== 'active' || isNewer(id) || !isWanted(conversation)) continue;
      const known = before.get(id);
      const wait = listedWait(conversation, Date.parse(waiting_since), known);
      if (!known || known.lastAt < wait.lastAt) arrived.push(id);
      this.set(id, wait);
    }
    return arrived;
  }

  #sorted(): Wait[] {
    return this.all().sort(longestFirst);
  }
}
