/** What the person did: it causes no signal to the same person. */
import { keep } from './waits';

/** A person's own call over HTTP and the event that it causes may arrive in either order, but not further apart. */
const OWN_ACTION_WITHIN = 30_000;
/** The oldest are forgotten. */
const MAX_MESSAGES = 2_000;
const MAX_ACTIONS = 1_000;

export class OwnActivity {
  /** Conversations that the person created, reopened or transferred, and until when that counts. */
  readonly #actions = new Map<number, number>();
  readonly #messages = new Set<number>();

  /** The server's time is earlier than was thought. */
  clockWentBack(by: number): void {
    for (const [id, until] of this.#actions) this.#actions.set(id, until - by);
  }

  acted(conversationId: number, now: number): void {
    keep(this.#actions, conversationId, now + OWN_ACTION_WITHIN, MAX_ACTIONS);
  }

  /** Whether what happened to a conversation now was the person's own doing. */
  hasActed(conversationId: number, now: number): boolean {
    return now < (this.#actions.get(conversationId) ?? -Infinity);
  }

  wrote(messageId: number): void {
    this.#messages.add(messageId);
    const [oldest] = this.#messages;
    if (this.#messages.size > MAX_MESSAGES && oldest !== undefined) this.#messages.delete(oldest);
  }

  hasWritten(messageId: number): boolean {
    return this.#messages.has(messageId);
  }
}
