/** Keeps below the server's rate limit, so that a long outbox is not refused after a reconnect. */

/**
 * The server allows 20 commands a second in bursts of 60 (contract 1.4). Some room is left for the commands that are
 * not paced: a person's own clicks and keys.
 */
const INTERVAL_MS = 75;
const BURST = 30;
/** The server found it too much: nothing for so long. */
const HOLD_MS = 1_000;

/** A token bucket. */
export class Pace {
  /** When the bucket is full again. */
  #fullAt = 0;

  /** Takes a token: 0; or says in how many milliseconds there will be one. */
  take(now: number): number {
    const next = Math.max(this.#fullAt, now) + INTERVAL_MS;
    const latest = now + INTERVAL_MS * BURST;
    if (next > latest) return next - latest;
    this.#fullAt = next;
    return 0;
  }

  hold(now: number): void {
    this.#fullAt = now + INTERVAL_MS * BURST + HOLD_MS;
  }
}
