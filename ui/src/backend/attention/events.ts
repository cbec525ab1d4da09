/** What a frame means to the attention rule. */
import type { Frame } from '../../protocol/Frame';
import { preview } from '../../state/preview';
import type { About } from './signals';

/** A message, in either of the two forms in which it comes. */
export interface Written {
  about: About;
  messageId: number | null;
  byGuest: boolean;
  at: number;
  /** `undefined`: the frame does not say. */
  since: number | null | undefined;
}

export type Event =
  | { kind: 'written'; id: number; written: Written; ownBy: number | null }
  | { kind: 'started'; id: number; about: About; since: number | null }
  | { kind: 'reopened'; id: number; about: About; since: number | null; by: number | null }
  | { kind: 'transferred'; id: number; by: number | null }
  | { kind: 'closed'; id: number }
  | { kind: 'read'; id: number; by: number | null; messageId: number }
  | { kind: 'guest'; id: number; name: string; room: string | null }
  | { kind: 'delivery'; id: number; about: About; messageId: number; hasFailed: boolean; isOver: boolean };

export function eventOf(frame: Frame): Event | null {
  switch (frame.type) {
    case 'message': {
      const { data } = frame;
      const byGuest = data.sender_type === 'guest';
      const about = {
        ...aboutOf(data.conversation_id, data.guest_info.name, data.department),
        room_number: data.guest_info.room_number,
        preview: byGuest ? preview(data.content) : '',
      };
      const at = Date.parse(data.created_at);
      const written = { about, messageId: data.id, byGuest, at, since: millis(data.waiting_since) };
      const ownBy = data.sender_type === 'staff' ? data.sender_id : null;
      return { kind: 'written', id: data.conversation_id, written, ownBy };
    }
    case 'new_conversation': {
      const { data } = frame;
      const about = {
        ...aboutOf(data.id, data.guest_name, data.department),
        room_number: data.room_number,
        preview: data.last_message_preview,
      };
      return { kind: 'started', id: data.id, about, since: millis(data.waiting_since) ?? null };
    }
    case 'conversation_update':
      return updateOf(frame);
    default:
      return null;
  }
}

function updateOf({ data: update }: Extract<Frame, { type: 'conversation_update' }>): Event | null {
  switch (update.type) {
    case 'new_message': {
      const { data } = update;
      const about = {
        ...aboutOf(data.conversation_id, data.guest_name, data.department),
        room_number: data.room_number ?? null,
        preview: data.last_message_preview,
      };
      // Where the frame does not say who wrote it, a guest is the safer guess.
      const byGuest = data.sender_type !== 'staff';
      const at = Date.parse(data.last_message_at);
      const written = { about, messageId: data.message_id ?? null, byGuest, at, since: millis(data.waiting_since) };
      return { kind: 'written', id: data.conversation_id, written, ownBy: null };
    }
    case 'closed':
      return { kind: 'closed', id: update.data.id };
    case 'reopened': {
      const { id, guest_name, department, room_number = null, waiting_since, line } = update.data;
      const about = { ...aboutOf(id, guest_name, department), room_number };
      return { kind: 'reopened', id, about, since: millis(waiting_since) ?? null, by: line?.staff_id ?? null };
    }
    case 'transferred': {
      const { id, line } = update.data;
      return { kind: 'transferred', id, by: line?.staff_id ?? null };
    }
    case 'read': {
      const { conversation_id, reader_type, reader_id, message_id } = update.data;
      const by = reader_type === 'staff' ? reader_id : null;
      return { kind: 'read', id: conversation_id, by, messageId: message_id };
    }
    case 'guest': {
      const { conversation_id, guest_info } = update.data;
      return { kind: 'guest', id: conversation_id, name: guest_info.name, room: guest_info.room_number };
    }
    case 'delivery': {
      const { conversation_id, guest_name, department, message_id, state, undelivered_since } = update.data;
      return {
        kind: 'delivery',
        id: conversation_id,
        about: aboutOf(conversation_id, guest_name, department),
        messageId: message_id,
        hasFailed: state === 'failed' || state === 'none',
        isOver: undelivered_since === null,
      };
    }
    default:
      return null;
  }
}

function aboutOf(conversation_id: number, guest_name: string, department: string): About {
  return { conversation_id, guest_name, room_number: null, department, preview: '', waiting_since: null };
}

function millis(at: string | null | undefined): number | null | undefined {
  return typeof at === 'string' ? Date.parse(at) : at;
}
