/**
 * How frames change the desk, in order. A batch of frames makes one new `Desk`.
 *
 * Later versions of the server may add frame types, update types and values. What is not known here changes nothing,
 * and nothing else is dropped because of it: a message of an unknown type is shown by its content.
 */
import type { ConversationUpdate } from '../protocol/ConversationUpdate';
import type { Frame } from '../protocol/Frame';
import type { Line } from '../protocol/Line';
import type { Message } from '../protocol/Message';
import type { NewConversation } from '../protocol/NewConversation';
import type { OnlinePerson } from '../protocol/OnlinePerson';
import type { PersonType } from '../protocol/PersonType';
import type { Read } from '../protocol/Read';
import type { User } from '../protocol/User';
import type { Desk, Known, Typist } from './desk';
import { Edited } from './edited';
import { preview } from './preview';
import { addLine, delivered, guestMessagesAfter, hasGap, insert, markRead, type Thread } from './thread';

export interface Applied {
  desk: Desk;
  /** Conversations of which a frame says less than the screen shows: to be read over HTTP. */
  reload: Set<number>;
  /** Conversations that went to a department of which the person is not, or may not be seen any more, as they were. */
  left: Map<number, Left>;
}

export interface Left {
  conversation: Known;
  /** `null`: the server says only that it may not be seen. */
  department: string | null;
  /** The staff member who transferred it, where the server says so. */
  by: number | null;
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

  /** Takes a guest's name and room from a frame that has them. */
  guest(
    id: number,
    seq: number | undefined,
    { name, room_number }: { name: string; room_number?: string | null },
  ): void {
    const known = this.conversations.get(id);
    if (!known || (seq !== undefined && seq <= known.seq)) return;
    const { guest_info } = known;
    const room = room_number === undefined ? guest_info.room_number : room_number;
    if (guest_info.name === name && guest_info.room_number === room) return;
    this.conversations.set(id, { ...known, guest_info: { ...guest_info, name, room_number: room } });
  }

  line(id: number, line: Line | undefined): void {
    if (line) this.thread(id, (thread) => addLine(thread, line));
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
        for (const id of frame.denied) {
          const conversation = draft.conversations.get(id);
          if (conversation) draft.left.set(id, { conversation, department: null, by: null });
          draft.forget(id);
        }
      }
      return;
    default:
      // An error, which the command's sender gets, or a later version's frame.
      return;
  }
}

function typist(type: PersonType | undefined, id: number | null): string {
  return `${type ?? 'staff'} ${id ?? ''}`;
}

/** A member that only newer servers send: `undefined` where it is missing, which is not `null`. */
type Sent<T> = T | undefined;

interface Written {
  conversation_id: number;
  message_id: Sent<number>;
  at: string;
  preview: string;
  by: PersonType | undefined;
  waiting_since: Sent<string | null>;
  /** Whether an answer has left already; `undefined`: the frame does not say. */
  isDelivered: Sent<boolean>;
}

function onWritten(draft: Draft, written: Written, seq: number | undefined): void {
  draft.change(written.conversation_id, seq, (known) => {
    if (known.counted_to && written.at <= known.counted_to) return {};
    const byGuest = written.by === 'guest';
    // A guest's message can change the way that replies take; only the server knows.
    if (byGuest && (known.reply_via === null || known.reply_problem)) draft.reload.add(known.id);
    return {
      last_message_preview: written.preview,
      last_message_at: written.at,
      updated_at: written.at,
      ...(written.message_id === undefined ? {} : { last_message_id: written.message_id }),
      unread_count: known.unread_count + (byGuest ? 1 : 0),
      waiting_since: waitingAfter(known, written, byGuest),
      ...(byGuest ? REACHED : isUndelivered(known, written)),
    };
  });
}

/** The server says since when the guest waits; only where it does not is it worked out here. */
function waitingAfter(known: Known, written: Written, byGuest: boolean): string | null {
  if (written.waiting_since !== undefined) return written.waiting_since;
  return byGuest ? (known.waiting_since ?? written.at) : null;
}

/** The guest writes, or the conversation is closed: what did not arrive matters no longer. */
const REACHED = { undelivered_since: null, failed: [] } as const;

/** An answer is on its way until the server says that it has left. Servers without delivery states never say. */
function isUndelivered(known: Known, { at, isDelivered }: Written): Partial<Known> {
  if (known.undelivered_since === undefined || isDelivered === true) return {};
  return { undelivered_since: known.undelivered_since ?? at };
}

function onMessage(draft: Draft, message: Message, seq: number | undefined, me: User): void {
  const { conversation_id: id, content, created_at, sender_type, sender_id, guest_info, delivery } = message;
  const written: Written = {
    conversation_id: id,
    message_id: message.id,
    at: created_at,
    preview: preview(content),
    by: sender_type,
    waiting_since: message.waiting_since,
    // Of old messages, and by old servers, nothing is said.
    isDelivered: delivery ? delivery.state !== 'stored' && delivery.state !== 'failed' : true,
  };
  draft.guest(id, seq, { name: guest_info.name, room_number: guest_info.room_number });
  onWritten(draft, written, seq);
  draft.thread(id, (thread) => insert(thread, [message]));
  if (sender_id === me.id && sender_type === 'staff') return;
  draft.notTyping(id, typist(sender_type, sender_type === 'guest' ? message.guest_info.id : sender_id));
}

function onNewConversation(draft: Draft, data: NewConversation, seq: number | undefined): void {
  const { id, department, status, conversation_type, created_at, last_message_preview, waiting_since } = data;
  // The frame says nothing about number, language and read mark.
  draft.reload.add(id);
  const known = draft.conversations.get(id);
  if (known) {
    draft.guest(id, seq, { name: data.guest_name, room_number: data.room_number });
    draft.change(id, seq, () => ({
      department,
      status,
      conversation_type,
      last_message_preview,
      closed_at: null,
      ...(waiting_since === undefined ? {} : { waiting_since }),
    }));
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
    waiting_since: waiting_since ?? null,
    last_message_preview,
    last_message_at: last_message_preview === '' ? null : created_at,
    created_at,
    updated_at: created_at,
    closed_at: null,
    // Not known yet: the screen must not say that nothing reaches the guest.
    reply_channel: null,
    reply_via: '',
    reply_problem: null,
    undelivered_since: null,
  });
}

function onUpdate(draft: Draft, update: ConversationUpdate, seq: number | undefined, me: User): void {
  switch (update.type) {
    case 'new_message': {
      const { data } = update;
      const { conversation_id: id, message_id, sender_type: by, waiting_since } = data;
      draft.guest(id, seq, { name: data.guest_name, room_number: data.room_number });
      const written = { at: data.last_message_at, preview: data.last_message_preview };
      onWritten(draft, { conversation_id: id, message_id, by, waiting_since, isDelivered: undefined, ...written }, seq);
      // Only a line of it came: the thread is read again when it is opened.
      draft.thread(id, hasGap);
      return;
    }
    case 'closed': {
      const { id, guest_name: name, updated_at, erased, line } = update.data;
      if (erased) {
        draft.forget(id);
        return;
      }
      draft.guest(id, seq, { name });
      draft.change(id, seq, () => ({
        status: 'closed',
        waiting_since: null,
        closed_at: updated_at,
        updated_at,
        ...REACHED,
      }));
      draft.line(id, line);
      return;
    }
    case 'reopened': {
      const { id, guest_name: name, room_number, updated_at, waiting_since, line } = update.data;
      // Whether an answer has not arrived only the server knows.
      draft.reload.add(id);
      draft.guest(id, seq, { name, room_number });
      draft.change(id, seq, () => ({
        status: 'active',
        closed_at: null,
        updated_at,
        ...(waiting_since === undefined ? {} : { waiting_since }),
      }));
      draft.line(id, line);
      return;
    }
    case 'transferred': {
      const { id, department, guest_name: name, updated_at, waiting_since, line } = update.data;
      if (me.departments.includes(department)) {
        draft.guest(id, seq, { name });
        draft.change(id, seq, () => ({
          department,
          updated_at,
          ...(waiting_since === undefined ? {} : { waiting_since }),
        }));
        draft.line(id, line);
        return;
      }
      const conversation = draft.conversations.get(id);
      if (conversation) draft.left.set(id, { conversation, department, by: line?.staff_id ?? null });
      draft.forget(id);
      return;
    }
    case 'read':
      return onRead(draft, update.data, seq, me);
    case 'guest': {
      const { conversation_id: id, guest_info } = update.data;
      draft.change(id, seq, () => ({ guest_info }));
      // Closed ones are named by no frame.
      for (const known of [...draft.conversations.map.values()]) {
        const isSame = known.guest_info.id === guest_info.id && known.id !== id && known.status === 'closed';
        if (isSame) draft.conversations.set(known.id, { ...known, guest_info });
      }
      return;
    }
    case 'delivery': {
      const { conversation_id: id, guest_name: name, message_id, undelivered_since, ...delivery } = update.data;
      const { state, reason, reason_code, at } = delivery;
      draft.guest(id, seq, { name });
      draft.change(id, seq, ({ failed = [] }) => {
        const others = undelivered_since === null ? [] : failed.filter((each) => each !== message_id);
        return { undelivered_since, failed: state === 'failed' ? [...others, message_id] : others };
      });
      draft.thread(id, (thread) => delivered(thread, message_id, { state, reason, reason_code, at }));
      return;
    }
    case 'line': {
      const { conversation_id: id, guest_name: name, line } = update.data;
      draft.guest(id, seq, { name });
      draft.line(id, line);
      return;
    }
    default:
      // A later version's update.
      return;
  }
}

function onRead(draft: Draft, read: Read, seq: number | undefined, me: User): void {
  const { conversation_id: id, guest_name: name, reader_type, reader_id, message_id } = read;
  draft.guest(id, seq, { name });
  draft.thread(id, (thread) => markRead(thread, reader_type, message_id));
  const known = draft.conversations.get(id);
  if (reader_type !== 'staff' || reader_id !== me.id || !known) return;
  const isNewest = known.last_message_id !== undefined && message_id >= known.last_message_id;
  const left = isNewest ? 0 : guestMessagesAfter(draft.threads.get(id), message_id);
  // Read on another device, up to some message: what is left is the server's to count.
  if (left === null) draft.reload.add(id);
  draft.change(id, seq, ({ unread_count }) => ({
    unread_count: left === null ? unread_count : Math.min(unread_count, left),
  }));
}
