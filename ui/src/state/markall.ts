/** Marks many conversations as read, no faster than the server takes commands: 20 a second, and 60 at once. */
import type { Known } from './desk';

const AT_ONCE = 30;
const PAUSE_MS = 2_000;

/** Returns how many were marked. */
export async function markAll(unread: readonly Known[], mark: (known: Known) => Promise<void>): Promise<number> {
  let marked = 0;
  for (const known of unread) {
    if (marked > 0 && marked % AT_ONCE === 0) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    await mark(known);
    marked += 1;
  }
  return marked;
}
