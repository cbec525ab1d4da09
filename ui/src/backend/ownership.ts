/**
 * Which tab of a browser sends the texts that wait: one of them. By Web Locks; where the address is not a secure
 * context there are none, and a lease in localStorage is renewed each second instead.
 */
import { randomId } from './random';
import { readStored, store } from './stored';

const RENEW_EVERY_MS = 1_000;
/** A tab in the background is not woken each second, and loses its lease to one that is. */
const LEASE_MS = 3_000;

interface Lease {
  tab: string;
  until: number;
}

export class Ownership {
  readonly #key: string;
  readonly #storage: Storage;
  readonly #became: () => void;
  readonly #tab = randomId();
  /** Ends the wait for the lock, or the lock. */
  readonly #ended = new AbortController();
  readonly #usesLocks: boolean;
  #hasLock = false;
  /** The lease was written by this tab, and nobody has overwritten it for a second. */
  #hadLease = false;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** `became`: this tab is the owner now. */
  constructor(key: string, storage: Storage, locks: LockManager | undefined, became: () => void) {
    this.#key = key;
    this.#storage = storage;
    this.#became = became;
    this.#usesLocks = locks !== undefined;
    if (locks) this.#lock(locks);
    else this.#lease();
  }

  get isOwner(): boolean {
    if (this.#usesLocks) return this.#hasLock;
    return this.#hadLease && this.#isMine(Date.now());
  }

  /** Leaves it to another tab. */
  end(): void {
    this.#ended.abort();
    this.#hasLock = false;
    clearInterval(this.#timer);
    removeEventListener('pagehide', this.#giveUpLease);
    this.#giveUpLease();
  }

  #lock(locks: LockManager): void {
    const { signal } = this.#ended;
    const held = () =>
      new Promise<void>((release) => {
        signal.addEventListener('abort', () => release());
        this.#hasLock = true;
        this.#became();
      });
    // Rejects when it is ended before its turn has come.
    locks.request(this.#key, { signal }, held).catch(() => {});
  }

  #lease(): void {
    this.#renew();
    this.#timer = setInterval(() => this.#renew(), RENEW_EVERY_MS);
    addEventListener('pagehide', this.#giveUpLease);
  }

  #renew(): void {
    const now = Date.now();
    const lease = readStored<Lease>(this.#storage, this.#key);
    const isFree = lease === null || !(lease.until > now && lease.until <= now + LEASE_MS);
    if (!isFree && lease.tab !== this.#tab) {
      this.#hadLease = false;
      return;
    }
    const isNew = !this.#hadLease && !isFree;
    // Two tabs may write at once: it counts when it is still there a second later.
    if (!isFree) this.#hadLease = true;
    store(this.#storage, this.#key, { tab: this.#tab, until: now + LEASE_MS } satisfies Lease);
    if (isNew) this.#became();
  }

  #isMine(now: number): boolean {
    const lease = readStored<Lease>(this.#storage, this.#key);
    return lease !== null && lease.tab === this.#tab && lease.until > now;
  }

  readonly #giveUpLease = (): void => {
    this.#hadLease = false;
    if (this.#isMine(Date.now())) store(this.#storage, this.#key, null);
  };
}
