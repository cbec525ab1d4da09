/**
 * What the desk knows, and how pages read over HTTP change it; `frames.ts` says how frames do. No I/O, no clock of its
 * own, no Svelte.
 *
 * What a change does not touch keeps its identity. A conversation that was read over HTTP carries the `seq` of that
 * reading, and only later events are applied to it.
 */
import type { Conversation } from '../protocol/Conversation';
import type { ConversationPage } from '../protocol/ConversationPage';
import type { OnlinePerson } from '../protocol/OnlinePerson';
import type { Thread } from './thread';

/** A conversation, and the event up to which it is known. */
export interface Known extends Conversation {
  seq: number;
  /** Messages up to this time are counted already: it was read over HTTP, perhaps before their frames came. */
  counted_to?: string | null;
  /** The newest message, where a frame named it. */
  last_message_id?: number;
  /** The messages that could not be delivered, as far as frames or the server's list named them. */
  failed?: readonly number[];
}

/** A failed message of which only the conversation is known. */
const SOME_MESSAGE = 0;

/** Somebody who types; lapses by itself, as a lost frame must not leave them typing for ever. */
export interface Typist {
  name: string;
  until: number;
}

export interface Desk {
  /** The life of the database that all of this was read from; `null` before the first page. */
  readonly epoch: string | null;
  readonly conversations: ReadonlyMap<number, Known>;
  readonly threads: ReadonlyMap<number, Thread>;
  readonly online: ReadonlyMap<number, OnlinePerson>;
  readonly typing: ReadonlyMap<number, ReadonlyMap<string, Typist>>;
}

export const emptyDesk: Desk = {
  epoch: null,
  conversations: new Map(),
  threads: new Map(),
  online: new Map(),
  typing: new Map(),
};

/** A conversation as it was read, with what only frames say and is still true. */
function taken(read: Conversation, seq: number, known: Known | undefined): Known {
  const isSameMessage = known?.last_message_id !== undefined && known.last_message_at === read.last_message_at;
  return {
    ...read,
    seq,
    ...(isSameMessage ? { last_message_id: known.last_message_id } : {}),
    ...(known?.failed && read.undelivered_since !== null ? { failed: known.failed } : {}),
  };
}

/** Takes conversations as a list showed them; those known from later events stay. */
export function mergeConversations(desk: Desk, { results, seq }: Pick<ConversationPage, 'results' | 'seq'>): Desk {
  const conversations = new Map(desk.conversations);
  for (const conversation of results) {
    const known = conversations.get(conversation.id);
    if (!known || known.seq <= seq) conversations.set(conversation.id, taken(conversation, seq, known));
  }
  return { ...desk, conversations };
}

/** Takes the list of those that were not reached: what is not old enough to be *not yet* must have failed. */
export function mergeNotReached(
  desk: Desk,
  page: Pick<ConversationPage, 'results' | 'seq'>,
  isOld: (since: string) => boolean,
): Desk {
  const merged = mergeConversations(desk, page);
  const conversations = new Map(merged.conversations);
  for (const { id } of page.results) {
    const known = conversations.get(id);
    const since = known?.undelivered_since ?? null;
    if (known && since !== null && !isOld(since)) {
      conversations.set(id, { ...known, failed: known.failed ?? [SOME_MESSAGE] });
    }
  }
  return { ...merged, conversations };
}

/**
 * Takes one conversation as `GET /chat/conversations/{id}/` showed it, which does not say at which event. `seq`: that
 * of the conversation when the reading began; when another event came since, the reading may be older and is refused.
 */
export function mergeOne(desk: Desk, read: Conversation, seq: number | undefined): Desk | null {
  const known = desk.conversations.get(read.id);
  if ((known?.seq ?? seq) !== seq) return null;
  const conversations = new Map(desk.conversations);
  conversations.set(read.id, { ...taken(read, seq ?? 0, known), counted_to: read.last_message_at });
  return { ...desk, conversations };
}

/** A list was read to its end at `seq`: what should stand in it and does not is gone. */
export function dropMissing(desk: Desk, seen: ReadonlySet<number>, seq: number): Desk {
  const conversations = new Map(desk.conversations);
  for (const [id, known] of conversations) {
    const isListed = known.status !== 'closed' && !known.read_only;
    if (isListed && known.seq <= seq && !seen.has(id)) conversations.delete(id);
  }
  return { ...desk, conversations };
}

/** Changes a conversation ahead of the server. */
export function changed(desk: Desk, id: number, change: Partial<Known>): Desk {
  const known = desk.conversations.get(id);
  if (!known) return desk;
  return { ...desk, conversations: new Map(desk.conversations).set(id, { ...known, ...change }) };
}

/** Drops a conversation that is gone, and all that is known of it. */
export function forget(desk: Desk, id: number): Desk {
  const without = <V>(map: ReadonlyMap<number, V>) => new Map([...map].filter(([key]) => key !== id));
  const { conversations, threads, typing } = desk;
  return { ...desk, conversations: without(conversations), threads: without(threads), typing: without(typing) };
}

/** Drops those who have not been heard typing for 6 s. The same desk when there is none. */
export function lapseTyping(desk: Desk, now: number): Desk {
  const typing = new Map<number, ReadonlyMap<string, Typist>>();
  let lapsed = false;
  for (const [id, typists] of desk.typing) {
    const left = new Map([...typists].filter(([, { until }]) => until > now));
    lapsed ||= left.size < typists.size;
    if (left.size > 0) typing.set(id, left);
  }
  return lapsed ? { ...desk, typing } : desk;
}
