/** Whether somebody uses the window: only then is what is open in it also seen. */
import type { Backend, Presence as Reported } from '../backend/types';

/** So long after the last key or pointer, somebody still counts as being there. */
export const USED_WITHIN_MS = 60_000;
/** While the window is used, the backend is told no more often than this. */
const REPORT_EVERY_MS = 5_000;

const uses = ['keydown', 'pointerdown', 'pointermove', 'wheel'] as const;

export class Presence {
  /** The window is focused and visible, and a key or the pointer was used in it within the last 60 s. */
  isThere = $state(false);

  readonly #report: Backend['setPresence'];
  #visible = false;
  #focused = false;
  #usedAt = -Infinity;
  #isUseReported = true;
  #reportedAt = -Infinity;
  #reportTimer: ReturnType<typeof setTimeout> | undefined;
  #lapseTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(report: Backend['setPresence']) {
    this.#report = report;
  }

  /** Observes the window until the returned function is called. */
  observe(): () => void {
    const options = { capture: true, passive: true };
    for (const event of uses) addEventListener(event, this.#used, options);
    for (const event of ['focus', 'blur'] as const) addEventListener(event, this.#looked);
    document.addEventListener('visibilitychange', this.#looked);
    this.#looked();
    return () => {
      for (const event of uses) removeEventListener(event, this.#used, options);
      for (const event of ['focus', 'blur'] as const) removeEventListener(event, this.#looked);
      document.removeEventListener('visibilitychange', this.#looked);
      clearTimeout(this.#reportTimer);
      this.#reportTimer = undefined;
      clearTimeout(this.#lapseTimer);
    };
  }

  readonly #used = (): void => {
    this.#usedAt = Date.now();
    this.#isUseReported = false;
    // Most moves of the pointer end here.
    if (this.isThere && this.#reportTimer !== undefined) return;
    this.#looked();
  };

  readonly #looked = (): void => {
    const visible = document.visibilityState === 'visible';
    const focused = document.hasFocus();
    const isNew = visible !== this.#visible || focused !== this.#focused;
    this.#visible = visible;
    this.#focused = focused;
    const wasThere = this.isThere;
    this.#update();
    if (isNew || this.isThere !== wasThere || this.#reportedAt === -Infinity) this.#send();
    else if (!this.#isUseReported) this.#sendSoon();
  };

  #update(): void {
    clearTimeout(this.#lapseTimer);
    // A clock that was set back meanwhile prolongs nothing.
    const left = Math.min(this.#usedAt + USED_WITHIN_MS - Date.now(), USED_WITHIN_MS);
    this.isThere = this.#visible && this.#focused && left > 0;
    if (this.isThere) this.#lapseTimer = setTimeout(() => this.#update(), left);
  }

  #sendSoon(): void {
    const wait = this.#reportedAt + REPORT_EVERY_MS - Date.now();
    if (wait <= 0) this.#send();
    else this.#reportTimer ??= setTimeout(() => this.#send(), wait);
  }

  #send(): void {
    clearTimeout(this.#reportTimer);
    this.#reportTimer = undefined;
    this.#reportedAt = Date.now();
    // A timer that is late, on a computer that slept, must not report a use of before as one of now.
    const isRecent = Date.now() - this.#usedAt <= 2 * REPORT_EVERY_MS;
    const used = !this.#isUseReported && isRecent;
    const presence: Reported = { visible: this.#visible, focused: this.#focused, used };
    this.#isUseReported = true;
    // The next report says the same or newer.
    this.#report(presence).catch(() => {});
  }
}
