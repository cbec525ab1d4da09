/** Which events are in the lists that were read over HTTP, and which came later. */
import { keep } from './waits';

/** The oldest are forgotten. */
const MAX_CHANGED = 10_000;

export class ListPosition {
  /** Events up to this one are in the list that was read. */
  #seq: number | null = null;
  /** The newest event of each conversation that changed after the list. */
  readonly #changed = new Map<number, number>();

  /** Whether an event happened after the list was read. The original protocol does not number its events. */
  isNewer(seq: number | undefined, conversationId: number): boolean {
    if (seq === undefined) return true;
    if (this.#seq !== null && seq <= this.#seq) return false;
    keep(this.#changed, conversationId, seq, MAX_CHANGED);
    return true;
  }

  /** Whether a conversation changed after the event `seq`. */
  hasChangedAfter(seq: number, conversationId: number): boolean {
    return (this.#changed.get(conversationId) ?? -Infinity) > seq;
  }

  /** A list was read, which contains the events up to `seq`. */
  read(seq: number): void {
    for (const [id, changed] of this.#changed) if (changed <= seq) this.#changed.delete(id);
    this.#seq = seq;
  }

  /** Another database may count from another number. */
  forget(): void {
    this.#seq = null;
    this.#changed.clear();
  }
}
