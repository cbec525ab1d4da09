/** The connection to the server, and when its absence is signalled. */
import type { Pause } from '../types';
import type { Link } from './signals';

const MINUTE = 60_000;
/** The connection may be lost for so long before a notification says so. */
const OFFLINE_AFTER = MINUTE;
/** How often that is said again. */
const OFFLINE_EVERY = 10 * MINUTE;

export type Status = 'connecting' | 'connected' | 'offline' | 'signed_out';

export class Connection {
  status: Status = 'connecting';
  /** A notification has said that the server cannot be reached. */
  wasSignalled = false;
  /** When the next one says so. */
  #signalAt: number | null;

  constructor(now: number) {
    this.#signalAt = now + OFFLINE_AFTER;
  }

  get isUp(): boolean {
    return this.status === 'connected';
  }

  set(link: Link, now: number): void {
    const before = this.status;
    this.status = link === 'lost' ? 'offline' : link === 'signed_out' ? 'signed_out' : 'connected';
    if (this.isUp) this.#signalAt = null;
    else if (before !== this.status && (before === 'connected' || this.status === 'signed_out')) {
      this.#signalAt = now + OFFLINE_AFTER;
    }
  }

  /** The server's time is earlier than was thought. */
  clockWentBack(by: number): void {
    if (this.#signalAt !== null) this.#signalAt -= by;
  }

  due(pause: Pause | null): number | null {
    if (this.#signalAt === null || !pause) return this.#signalAt;
    return pause.until === null ? null : Math.max(this.#signalAt, pause.until);
  }

  /** What has to be signalled now, if anything; it is, then. */
  takeDue(pause: Pause | null, now: number): 'offline' | 'signed_out' | null {
    const due = this.due(pause);
    if (due === null || due > now) return null;
    const kind = this.status === 'signed_out' ? 'signed_out' : 'offline';
    this.wasSignalled = kind === 'offline';
    this.#signalAt = now + OFFLINE_EVERY;
    return kind;
  }

  /** Whether it has to be signalled that the connection is back; it is, then. */
  takeBack(): boolean {
    const isBack = this.isUp && this.wasSignalled;
    if (isBack) this.wasSignalled = false;
    return isBack;
  }
}
