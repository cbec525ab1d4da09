/** The messages of one conversation, as far as they are loaded. */
import type { Message } from '../protocol/Message';
import type { PersonType } from '../protocol/PersonType';

export interface Thread {
  /** In ascending order of their ids, without gaps unless `stale`. */
  readonly messages: readonly Message[];
  /** Whether there are older ones on the server. */
  readonly hasOlder: boolean;
  /** Newer ones may be missing at the end: read them before trusting it. */
  readonly stale: boolean;
}

export const emptyThread: Thread = { messages: [], hasOlder: true, stale: true };

/** Takes messages in, each once; a later reading of a message replaces an earlier one. */
export function insert(thread: Thread, incoming: readonly Message[]): Thread {
  const first = incoming[0];
  if (!first) return thread;
  const last = thread.messages.at(-1);
  // The usual case: new ones at the end.
  if (!last || first.id > last.id) return { ...thread, messages: [...thread.messages, ...incoming] };
  // A page of older ones.
  const [oldest, newestOfThem] = [thread.messages[0], incoming.at(-1)];
  if (oldest && newestOfThem && newestOfThem.id < oldest.id) {
    return { ...thread, messages: [...incoming, ...thread.messages] };
  }
  const byId = new Map<number, Message>();
  for (const message of thread.messages) byId.set(message.id, message);
  for (const message of incoming) {
    const known = byId.get(message.id);
    // Read stays read: a page may be older than the event that said so.
    byId.set(message.id, known?.is_read ? { ...message, is_read: true } : message);
  }
  return { ...thread, messages: [...byId.values()].sort((a, b) => a.id - b.id) };
}

/** The newest so many of its messages. */
export function newest(thread: Thread, count: number): Thread {
  return { ...thread, messages: thread.messages.slice(-count), hasOlder: true };
}

/** A reader has read everything of the other side up to a message. */
export function markRead(thread: Thread, reader: PersonType, upTo: number): Thread {
  const concerns = (message: Message) => !message.is_read && message.id <= upTo && message.sender_type !== reader;
  if (!thread.messages.some(concerns)) return thread;
  return {
    ...thread,
    messages: thread.messages.map((message) => (concerns(message) ? { ...message, is_read: true } : message)),
  };
}

export function hasGap(thread: Thread): Thread {
  return thread.stale ? thread : { ...thread, stale: true };
}
