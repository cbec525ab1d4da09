/** Whether the server can save what is written, and whether its clock can be relied on. */
import type { Backend } from '../backend/types';
import type { Health } from '../protocol/Health';
import { problemOf } from './failure';

/** How often the server is asked while the page is visible. */
export const ASK_EVERY_MS = 15_000;

export class ServerHealth {
  /** Why nothing can be saved, in the server's words; `null`: nothing is known to be wrong. */
  problem = $state<string | null>(null);
  /** The time on the server's clock, in RFC 3339, where it has jumped and nobody has confirmed the date. */
  jumpedTo = $state<string | null>(null);
  readonly #backend: Backend;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** Asks the server. Without an answer, what was known stays: the connection status says that there is none. */
  async ask(): Promise<void> {
    try {
      const health = await this.#backend.request<Health>('GET', '/readyz');
      this.problem = null;
      this.jumpedTo = health.clock === 'jumped' ? (health.time ?? null) : null;
    } catch (failure) {
      const problem = problemOf(failure);
      if (problem?.status === 503 && problem.code === 'unavailable') this.problem = problem.detail;
    }
  }

  /** Confirms the date; rejects with a `Failure`. */
  async confirmDate(): Promise<void> {
    await this.#backend.request<null>('POST', '/clock/confirm/');
    this.jumpedTo = null;
    await this.ask();
  }

  /** Asks now and then, until the returned function is called. */
  observe(): () => void {
    const ask = () => {
      if (document.visibilityState === 'visible') void this.ask();
    };
    ask();
    const timer = setInterval(ask, ASK_EVERY_MS);
    document.addEventListener('visibilitychange', ask);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', ask);
    };
  }
}
