/** The messages of one conversation, as far as they are loaded. */
import type { Delivery } from '../protocol/Delivery';
import type { Line } from '../protocol/Line';
import type { Message } from '../protocol/Message';
import type { PersonType } from '../protocol/PersonType';

export interface Thread {
  /** In ascending order of their ids, without gaps unless `stale`. */
  readonly messages: readonly Message[];
  /** What happened between them, in ascending order of their ids. */
  readonly lines: readonly Line[];
  /** Whether there are older ones on the server. */
  readonly hasOlder: boolean;
  /** Newer ones may be missing at the end: read them before trusting it. */
  readonly stale: boolean;
}

export const emptyThread: Thread = { messages: [], lines: [], hasOlder: true, stale: true };

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
    byId.set(message.id, known ? latest(known, message) : message);
  }
  return { ...thread, messages: [...byId.values()].sort((a, b) => a.id - b.id) };
}

/** A page may be older than the events that said what became of a message. */
function latest(known: Message, read: Message): Message {
  const isKnownLater = known.delivery && (!read.delivery || known.delivery.at > read.delivery.at);
  if (!known.is_read && !isKnownLater) return read;
  return { ...read, is_read: known.is_read || read.is_read, delivery: isKnownLater ? known.delivery : read.delivery };
}

/** Takes lines in, each once. */
export function addLines(thread: Thread, incoming: readonly Line[]): Thread {
  const known = new Set(thread.lines.map(({ id }) => id));
  const added = incoming.filter(({ id }) => !known.has(id));
  if (added.length === 0) return thread;
  return { ...thread, lines: [...thread.lines, ...added].sort((a, b) => a.id - b.id) };
}

export function addLine(thread: Thread, line: Line): Thread {
  return addLines(thread, [line]);
}

/** The newest so many of its messages, and the lines after them. */
export function newest(thread: Thread, count: number): Thread {
  const messages = thread.messages.slice(-count);
  const first = messages[0]?.id ?? 0;
  const lines = thread.lines.filter(({ after_message_id }) => (after_message_id ?? 0) >= first);
  return { ...thread, messages, lines, hasOlder: true };
}

/** A message has come further on its way, or is tried again. */
export function delivered(thread: Thread, id: number, delivery: Delivery): Thread {
  if (!thread.messages.some((message) => message.id === id)) return thread;
  const messages = thread.messages.map((message) => (message.id === id ? { ...message, delivery } : message));
  return { ...thread, messages };
}

/** How many messages of the guest come after this one; `null`: not all of them are here. */
export function guestMessagesAfter(thread: Thread | undefined, id: number): number | null {
  if (!thread || thread.stale) return null;
  const [oldest] = thread.messages;
  if (thread.hasOlder && (oldest === undefined || oldest.id > id)) return null;
  return thread.messages.filter((message) => message.id > id && message.sender_type === 'guest').length;
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

/** The newest message before the last `unread` of the guest's; `null` when that lies too far back. */
export function lastRead(thread: Thread | undefined, unread: number): number | null {
  if (unread === 0 || thread === undefined) return null;
  const firstUnread = thread.messages.filter(({ sender_type }) => sender_type === 'guest').at(-unread);
  return firstUnread ? firstUnread.id - 1 : null;
}
