/** What the person has in front of them. */
import type { Presence } from '../types';

/** A key or the pointer was used so lately that the person is taken to sit at the window. */
const USED_WITHIN = 60_000;

export class Watching {
  locked = false;
  open: number | null = null;
  #visible = false;
  #focused = false;
  #usedAt = -Infinity;

  set({ visible, focused, used }: Presence, now: number): void {
    this.#visible = visible;
    this.#focused = focused;
    if (used) this.#usedAt = now;
  }

  /** The server's time is earlier than was thought. */
  clockWentBack(by: number): void {
    this.#usedAt -= by;
  }

  /** Whether the person works in the window. */
  isPresent(now: number): boolean {
    return this.#visible && this.#focused && !this.locked && now < this.#usedAt + USED_WITHIN;
  }

  inFront(now: number): number | null {
    return this.isPresent(now) ? this.open : null;
  }

  /** When the conversation in front will not be in front any more if nothing is used. */
  inFrontUntil(now: number): number | null {
    return this.inFront(now) === null ? null : this.#usedAt + USED_WITHIN;
  }
}
