/**
 * The server's time. Waits and days are computed with it, because a desk's own clock may be minutes or days off.
 *
 * Samples come from acknowledgments, whose way is measured, and from the `Date` header, which shows whole seconds.
 */

/** A sample that was under way for longer says too little. */
const LONGEST_WAY_MS = 4_000;
/** Smaller differences than this are noise. */
const NOISE_MS = 1_000;
/** Of a time in whole seconds. */
const WHOLE_SECONDS_NOISE_MS = 2_000;

let offsetMs = 0;
const listeners = new Set<() => void>();

function learn(shownMs: number, wayMs: number, noiseMs: number): void {
  if (!Number.isFinite(shownMs) || wayMs < 0 || wayMs > LONGEST_WAY_MS) return;
  const now = Date.now();
  const offset = shownMs + wayMs / 2 - now;
  if (Math.abs(offset - offsetMs) <= noiseMs + wayMs / 2) return;
  offsetMs = Math.abs(offset) <= noiseMs + wayMs / 2 ? 0 : Math.round(offset);
  for (const listener of listeners) listener();
}

export const serverTime = {
  /** Milliseconds since 1970. */
  now: (): number => Date.now() + offsetMs,

  /** By how much this computer's clock is taken to be behind, in milliseconds. */
  get offsetMs(): number {
    return offsetMs;
  },

  /** The server wrote `timestamp` (RFC 3339) into its answer to something that was sent `wayMs` ago. */
  fromTimestamp: (timestamp: string, wayMs: number): void => learn(Date.parse(timestamp), wayMs, NOISE_MS),

  /** As `fromTimestamp`, of the `Date` header of an answer. */
  fromHeader(date: string | null, wayMs: number): void {
    // Seconds are cut off: on average, half of one is missing.
    if (date !== null) learn(Date.parse(date) + 500, wayMs, WHOLE_SECONDS_NOISE_MS);
  },

  /** Calls `listener` when it turns out that this computer's clock differs otherwise than was known. */
  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },

  /** For tests. */
  reset(): void {
    offsetMs = 0;
  },
};
