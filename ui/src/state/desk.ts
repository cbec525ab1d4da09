/**
 * What the desk knows, and how each frame changes it. No I/O, no clock of its own, no Svelte.
 *
 * A batch of frames makes one new `Desk`; what is not touched keeps its identity. A conversation that was read over
 * HTTP carries the `seq` of that reading, and only later events are applied to it.
 */
import type { Conversation } from '../protocol/Conversation';
import type { ConversationPage } from '../protocol/ConversationPage';
import type { ConversationUpdate } from '../protocol/ConversationUpdate';
import type { Frame } from '../protocol/Frame';
import type { Message } from '../protocol/Message';
import type { NewConversation } from '../protocol/NewConversation';
import type { OnlinePerson } from '../protocol/OnlinePerson';
import type { PersonType } from '../protocol/PersonType';
import type { User } from '../protocol/User';
import { Edited } from './edited';
import { preview } from './preview';
import { hasGap, insert, markRead, type Thread } from './thread';

/** A conversation, and the event up to which it is known. */
export interface Known extends Conversation {
  seq: number;
  /** Messages up to this time are counted already: it was read over HTTP, perhaps before their frames came. */
  counted_to?: string | null;
}

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

export interface Applied {
  desk: Desk;
  /** Conversations of which a frame told less than the screen shows: to be read over HTTP. */
  reload: Set<number>;
  /** Conversations that went to a department of which the person is not, as they were. */
  left: Map<number, Left>;
}

export interface Left {
  conversation: Known;
  department: string;
}

const TYPING_LAPSES_MS = 6_000;

class Draft {
  readonly conversations: Edited<number, Known>;
  readonly threads: Edited<number, Thread>;
  readonly online: Edited<number, OnlinePerson>;
  readonly typing: Edited<number, ReadonlyMap<string, Typist>>;
  readonly reload = new Set<number>();
  readonly left = new Map<number, Left>();

  constructor(desk: Desk) {
    this.conversations = new Edited(desk.conversations);
    this.threads = new Edited(desk.threads);
    this.online = new Edited(desk.online);
    this.typing = new Edited(desk.typing);
  }

  /** Changes a conversation unless it is known to be newer than the event. Returns whether it did. */
  change(id: number, seq: number | undefined, to: (known: Known) => Partial<Known>): boolean {
    const known = this.conversations.get(id);
    if (!known) {
      this.reload.add(id);
      return false;
    }
    if (seq !== undefined && seq <= known.seq) return false;
    this.conversations.set(id, { ...known, ...to(known), seq: seq ?? known.seq });
    return true;
  }

  thread(id: number, to: (thread: Thread) => Thread): void {
    const before = this.threads.get(id);
    const after = before && to(before);
    if (after && after !== before) this.threads.set(id, after);
  }

  forget(id: number): void {
    this.conversations.delete(id);
    this.threads.delete(id);
    this.typing.delete(id);
  }

  notTyping(id: number, who: string): void {
    const typists = this.typing.get(id);
    if (!typists?.has(who)) return;
    const left = new Map(typists);
    left.delete(who);
    if (left.size > 0) this.typing.set(id, left);
    else this.typing.delete(id);
  }
}

/** Applies frames, in order. */
export function applyFrames(desk: Desk, frames: readonly Frame[], me: User, now: number): Applied {
  const draft = new Draft(desk);
  for (const frame of frames) applyFrame(draft, frame, me, now);
  const { conversations, threads, online, typing, reload, left } = draft;
  return {
    desk: {
      epoch: desk.epoch,
      conversations: conversations.map,
      threads: threads.map,
      online: online.map,
      typing: typing.map,
    },
    reload,
    left,
  };
}

function applyFrame(draft: Draft, frame: Frame, me: User, now: number): void {
  switch (frame.type) {
    case 'message':
      return onMessage(draft, frame.data, frame.seq, me);
    case 'new_conversation':
      return onNewConversation(draft, frame.data, frame.seq);
    case 'conversation_update':
      return onUpdate(draft, frame.data, frame.seq, me);
    case 'user_status': {
      const { user_id, user_name, department, type } = frame.data;
      if (type === 'user_connected') draft.online.set(user_id, { user_id, user_name, department });
      else draft.online.delete(user_id);
      return;
    }
    case 'typing': {
      const { conversation_id, is_typing, user_name } = frame.data;
      const who = typist(frame.data.sender_type, frame.data.user_id);
      draft.notTyping(conversation_id, who);
      if (!is_typing) return;
      const typists = new Map(draft.typing.get(conversation_id));
      draft.typing.set(conversation_id, typists.set(who, { name: user_name, until: now + TYPING_LAPSES_MS }));
      return;
    }
    case 'acknowledgment':
      if (frame.status === 'resumed' || frame.status === 'resync_required') {
        draft.online.clear();
        for (const person of frame.online) draft.online.set(person.user_id, person);
        for (const id of frame.denied) draft.forget(id);
      }
      return;
    case 'error':
      return;
  }
}

function typist(type: PersonType | undefined, id: number | null): string {
  return `${type ?? 'staff'} ${id ?? ''}`;
}

interface Written {
  conversation_id: number;
  at: string;
  preview: string;
  by: PersonType | undefined;
}

function onWritten(draft: Draft, written: Written, seq: number | undefined): void {
  draft.change(written.conversation_id, seq, (known) => {
    if (known.counted_to && written.at <= known.counted_to) return {};
    const byGuest = written.by === 'guest';
    // A guest's message can change the gateway that takes the replies; only the server knows.
    if (byGuest && known.reply_via === null) draft.reload.add(known.id);
    return {
      last_message_preview: written.preview,
      last_message_at: written.at,
      updated_at: written.at,
      unread_count: known.unread_count + (byGuest ? 1 : 0),
      waiting_since: byGuest ? (known.waiting_since ?? written.at) : null,
    };
  });
}

function onMessage(draft: Draft, message: Message, seq: number | undefined, me: User): void {
  const { conversation_id: id, content, created_at, sender_type, sender_id } = message;
  onWritten(draft, { conversation_id: id, at: created_at, preview: preview(content), by: sender_type }, seq);
  draft.thread(id, (thread) => insert(thread, [message]));
  if (sender_id === me.id && sender_type === 'staff') return;
  draft.notTyping(id, typist(sender_type, sender_type === 'guest' ? message.guest_info.id : sender_id));
}

function onNewConversation(draft: Draft, data: NewConversation, seq: number | undefined): void {
  const { id, department, status, conversation_type, created_at, last_message_preview } = data;
  // The frame knows no number, language or read mark.
  draft.reload.add(id);
  const known = draft.conversations.get(id);
  if (known) {
    draft.change(id, seq, () => ({ department, status, conversation_type, last_message_preview, closed_at: null }));
    return;
  }
  draft.conversations.set(id, {
    id,
    seq: seq ?? 0,
    guest_info: {
      id: 0,
      name: data.guest_name,
      whatsapp_number: null,
      room_number: data.room_number,
      language: null,
    },
    department,
    conversation_type,
    status,
    unread_count: 0,
    waiting_since: null,
    last_message_preview,
    last_message_at: last_message_preview === '' ? null : created_at,
    created_at,
    updated_at: created_at,
    closed_at: null,
    // Not known yet: the screen must not say that replies stay in the house.
    reply_channel: null,
    reply_via: '',
    reply_problem: null,
    undelivered_since: null,
  });
}

function onUpdate(draft: Draft, update: ConversationUpdate, seq: number | undefined, me: User): void {
  switch (update.type) {
    case 'new_message': {
      const { conversation_id, last_message_at: at, last_message_preview, sender_type } = update.data;
      onWritten(draft, { conversation_id, at, preview: last_message_preview, by: sender_type }, seq);
      // Only a line of it came: the thread is read again when it is opened.
      draft.thread(conversation_id, hasGap);
      return;
    }
    case 'closed':
      if (update.data.erased) {
        draft.forget(update.data.id);
        return;
      }
      draft.change(update.data.id, seq, () => ({
        status: 'closed',
        waiting_since: null,
        closed_at: update.data.updated_at,
        updated_at: update.data.updated_at,
      }));
      return;
    case 'reopened':
      // Whether the guest waits again is the server's to say.
      draft.reload.add(update.data.id);
      draft.change(update.data.id, seq, () => ({
        status: 'active',
        closed_at: null,
        updated_at: update.data.updated_at,
      }));
      return;
    case 'transferred': {
      const { id, department, updated_at } = update.data;
      if (me.departments.includes(department)) {
        draft.change(id, seq, () => ({ department, updated_at }));
        return;
      }
      const conversation = draft.conversations.get(id);
      if (conversation) draft.left.set(id, { conversation, department });
      draft.forget(id);
      return;
    }
    case 'read': {
      const { conversation_id: id, reader_type, reader_id, message_id } = update.data;
      draft.thread(id, (thread) => markRead(thread, reader_type, message_id));
      if (reader_type !== 'staff' || reader_id !== me.id || !draft.conversations.has(id)) return;
      const newest = draft.threads.get(id)?.messages.at(-1);
      // Read elsewhere, up to some message: without the thread the rest cannot be counted here.
      if (newest && newest.id > message_id) draft.reload.add(id);
      draft.change(id, seq, () => ({ unread_count: 0 }));
      return;
    }
  }
}

/** Takes conversations as a list showed them; those known from later events stay. */
export function mergeConversations(desk: Desk, { results, seq }: Pick<ConversationPage, 'results' | 'seq'>): Desk {
  const conversations = new Map(desk.conversations);
  for (const conversation of results) {
    const known = conversations.get(conversation.id);
    if (!known || known.seq <= seq) conversations.set(conversation.id, { ...conversation, seq });
  }
  return { ...desk, conversations };
}

/**
 * Takes one conversation as `GET /chat/conversations/{id}/` showed it, which does not say at which event. `seq`: that
 * of the conversation when the reading began; when another event came since, the reading may be older and is refused.
 */
export function mergeOne(desk: Desk, read: Conversation, seq: number | undefined): Desk | null {
  const known = desk.conversations.get(read.id);
  if ((known?.seq ?? seq) !== seq) return null;
  const conversations = new Map(desk.conversations);
  conversations.set(read.id, { ...read, seq: seq ?? 0, counted_to: read.last_message_at });
  return { ...desk, conversations };
}

/** A list was read to its end at `seq`: what should stand in it and does not is gone. */
export function dropMissing(desk: Desk, seen: ReadonlySet<number>, seq: number): Desk {
  const conversations = new Map(desk.conversations);
  for (const [id, known] of conversations) {
    if (known.status === 'active' && known.seq <= seq && !seen.has(id)) conversations.delete(id);
  }
  return { ...desk, conversations };
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
