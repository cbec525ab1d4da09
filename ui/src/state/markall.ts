/** Marks many conversations as read, no faster than the server takes commands: 20 a second, and 60 at once. */
import type { Backend } from '../backend/types';
import type { Known } from './desk';

const AT_ONCE = 30;
const PAUSE_MS = 2_000;

export interface Marked {
  count: number;
  /** What ended it before all were marked; `null`: nothing. */
  failure: unknown;
}

export async function markAll(
  backend: Backend,
  unread: readonly Known[],
  marked: (id: number) => void,
): Promise<Marked> {
  let count = 0;
  try {
    for (const { id, last_message_id: message_id } of unread) {
      if (count > 0 && count % AT_ONCE === 0) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      const upTo = message_id === undefined ? {} : { message_id };
      await backend.command({ type: 'mark_read', conversation_id: id, ...upTo });
      marked(id);
      count += 1;
    }
  } catch (failure) {
    return { count, failure: failure ?? {} };
  }
  return { count, failure: null };
}
