/** Makes a text a message the moment the server has it on disk, without waiting for its echo. */
import type { OutboxText } from '../backend/types';
import type { Frame } from '../protocol/Frame';
import type { Message } from '../protocol/Message';
import type { User } from '../protocol/User';
import type { Desk } from './desk';
import { insert } from './thread';

export function acknowledge(desk: Desk, frames: readonly Frame[], outbox: readonly OutboxText[], me: User): Desk {
  let { threads } = desk;
  for (const frame of frames) {
    if (frame.type !== 'acknowledgment' || frame.status !== 'received') continue;
    const text = outbox.find(({ client_id }) => client_id === frame.client_id);
    const thread = threads.get(frame.conversation_id);
    const conversation = desk.conversations.get(frame.conversation_id);
    if (!text || !thread || !conversation) continue;
    // The echo may have come in the same batch, and knows more.
    if (thread.messages.some(({ id }) => id === frame.message_id)) continue;
    const { id, name, room_number } = conversation.guest_info;
    const message: Message = {
      id: frame.message_id,
      conversation_id: frame.conversation_id,
      sender_type: 'staff',
      sender_id: me.id,
      sender_name: me.name,
      message_type: 'text',
      content: text.content,
      created_at: frame.timestamp,
      is_read: false,
      client_id: text.client_id,
      department: conversation.department,
      guest_info: { id, name, room_number },
      channel: null,
      // The `message` frame contains more.
      delivery: null,
    };
    threads = new Map(threads).set(frame.conversation_id, insert(thread, [message]));
  }
  return { ...desk, threads };
}
