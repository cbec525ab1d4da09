/** Conversations, messages and people for tests. */
import type { Frame } from '../protocol/Frame';
import type { Message } from '../protocol/Message';
import type { User } from '../protocol/User';
import type { Known } from './desk';

export const me: User = {
  id: 7,
  username: 'ana',
  name: 'Ana Silva',
  user_type: 'department_staff',
  departments: ['reception', 'housekeeping'],
  is_admin: false,
  property: { id: 1, name: 'Hotel Seeblick', time_zone: 'Europe/Zurich', country: 'CH' },
};

/** `at(5)`: five minutes past noon. */
export const at = (minutes: number): string => new Date(Date.UTC(2026, 10, 23, 12, minutes)).toISOString();

export function conversation(id: number, change: Partial<Known> = {}): Known {
  return {
    id,
    seq: 0,
    guest_info: { id: 100 + id, name: 'Amelia Hart', whatsapp_number: null, room_number: '204', language: 'en' },
    department: 'reception',
    conversation_type: 'general',
    status: 'active',
    unread_count: 0,
    waiting_since: null,
    last_message_preview: '',
    last_message_at: null,
    created_at: at(0),
    updated_at: at(0),
    closed_at: null,
    reply_channel: 'gateway',
    reply_via: 'phones',
    reply_problem: null,
    undelivered_since: null,
    ...change,
  };
}

export function message(id: number, change: Partial<Message> = {}): Message {
  return {
    id,
    conversation_id: 1,
    sender_type: 'guest',
    sender_id: null,
    sender_name: 'Amelia Hart',
    message_type: 'text',
    content: `message ${id}`,
    created_at: at(id),
    is_read: false,
    client_id: null,
    department: 'reception',
    guest_info: { id: 101, name: 'Amelia Hart', room_number: '204' },
    channel: 'gateway',
    delivery: null,
    ...change,
  };
}

export const mine = (id: number, client_id: string | null = null): Message =>
  message(id, { sender_type: 'staff', sender_id: me.id, sender_name: me.name, client_id });

export const messageFrame = (seq: number, data: Message): Frame => ({ type: 'message', seq, data });
