/** Notifications that come close together: more than three become one, and not each of them has a sound. */

const SECOND = 1_000;
/** More than `SINGLE` notifications in this time become one. */
const WINDOW = 10 * SECOND;
/** At most this number is shown one by one. */
const SINGLE = 3;
/** Two sounds are at least so far apart: each lasts a second and a half. */
const SOUND_EVERY = 3 * SECOND;
/** How often one notification for many has a sound while more come in. */
const SOUND_FOR_MANY_EVERY = 10 * SECOND;

export class Bursts {
  /** The two sorts are counted apart, as no sentence fits both. */
  readonly #times = { message: [] as number[], undelivered: [] as number[] };
  #soundedAt = -Infinity;

  /** Counts `notifications` more of them. Returns whether they become one with those just before. */
  count(sort: 'message' | 'undelivered', notifications: number, now: number): boolean {
    const recent = this.#times[sort].filter((at) => now < at + WINDOW);
    const added = Array.from({ length: Math.min(notifications, SINGLE + 1) }, () => now);
    this.#times[sort] = [...recent, ...added].slice(-(SINGLE + 1));
    return this.#times[sort].length > SINGLE;
  }

  /** The server's time is earlier than was thought. */
  clockWentBack(by: number): void {
    for (const sort of ['message', 'undelivered'] as const) this.#times[sort] = this.#times[sort].map((at) => at - by);
    this.#soundedAt -= by;
  }

  /** Whether a sound may be played now; it is, then. */
  maySound(isForMany: boolean, now: number): boolean {
    if (now < this.#soundedAt + (isForMany ? SOUND_FOR_MANY_EVERY : SOUND_EVERY)) return false;
    this.#soundedAt = now;
    return true;
  }
}
