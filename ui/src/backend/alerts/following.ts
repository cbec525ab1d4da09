/** Subscribes to conversations that wait past amber, so that it is known when a colleague types there. */
import type { DirectCommand } from '../types';

/** Below the server's rate limit, with room for the person's own commands. */
const EVERY_MS = 150;

export class Following {
  readonly #command: (command: DirectCommand) => Promise<unknown>;
  /** The open conversation is subscribed to anyway. */
  readonly #isOpen: (id: number) => boolean;
  #wanted: ReadonlySet<number> = new Set();
  readonly #subscribed = new Set<number>();
  #isRunning = false;

  constructor(command: (command: DirectCommand) => Promise<unknown>, isOpen: (id: number) => boolean) {
    this.#command = command;
    this.#isOpen = isOpen;
  }

  /** For `resume`, which subscribes to them again. */
  get ids(): number[] {
    return [...this.#subscribed];
  }

  has(id: number): boolean {
    return this.#subscribed.has(id);
  }

  set(wanted: ReadonlySet<number>): void {
    this.#wanted = wanted;
    if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    try {
      for (let next = this.#next(); next !== null; next = this.#next()) {
        const conversation_id = next;
        if (this.#wanted.has(conversation_id)) {
          await this.#command({ type: 'subscribe_conversation', conversation_id });
          this.#subscribed.add(conversation_id);
        } else {
          this.#subscribed.delete(conversation_id);
          if (this.#isOpen(conversation_id)) continue;
          await this.#command({ type: 'unsubscribe_conversation', conversation_id });
        }
        await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
      }
    } catch {
      // Without a connection, or where the conversation is gone: the next change tries again.
    } finally {
      this.#isRunning = false;
    }
  }

  #next(): number | null {
    for (const id of this.#wanted) if (!this.#subscribed.has(id)) return id;
    for (const id of this.#subscribed) if (!this.#wanted.has(id)) return id;
    return null;
  }
}
