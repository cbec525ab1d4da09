/** Finds out which of the answers that were not delivered the person wrote. */
import type { Conversation } from '../../protocol/Conversation';
import type { ConversationPage } from '../../protocol/ConversationPage';
import type { DeliveryUpdate } from '../../protocol/DeliveryUpdate';
import type { Frame } from '../../protocol/Frame';
import type { Message } from '../../protocol/Message';
import type { MessagePage } from '../../protocol/MessagePage';
import type { About, NotDelivered } from '../attention/signals';
import type { Problem } from '../types';

/** HTTP to the server. */
export type Read = <T>(path: string) => Promise<T>;

/** Of more conversations than this only the first are read: the rows show what was not delivered. */
const MAX_CONVERSATIONS = 32;
/** Messages that are searched for the person's own: those that failed stand after the guest's last message. */
const NEWEST = 50;

const hasFailed = (state: string | undefined) => state === 'failed' || state === 'none';
const isBy = (me: number) => (message: Message) => message.sender_type === 'staff' && message.sender_id === me;

/** The event that says that a message could not be delivered. */
export function failedDelivery(frame: Frame): DeliveryUpdate | null {
  if (frame.type !== 'conversation_update' || frame.data.type !== 'delivery') return null;
  return hasFailed(frame.data.data.state) ? frame.data.data : null;
}

/** Whether the person `me` wrote this message. */
export async function isOwnMessage(read: Read, me: number, conversation: number, message: number): Promise<boolean> {
  const path = `/chat/conversations/${conversation}/messages/?after=${message - 1}&limit=1`;
  const { results } = await read<MessagePage>(path);
  return results.some((found) => found.id === message && isBy(me)(found));
}

/**
 * Reads the answers of the person `me` that could not be delivered, the newest of each conversation, and the event at
 * which the list of their conversations was read.
 */
export async function readNotDelivered(
  read: Read,
  me: number,
): Promise<{ seq: number; answers: readonly NotDelivered[] }> {
  const path = `/chat/conversations/?status=active&not_reached=true&limit=${MAX_CONVERSATIONS}`;
  const { seq, results } = await read<ConversationPage>(path);
  const answers: NotDelivered[] = [];
  for (const conversation of results) {
    // Servers of before ignore what is asked for, and do not name this time.
    if ((conversation.undelivered_since ?? null) === null) continue;
    const messages = await messagesOf(read, conversation.id);
    const failed = messages.filter(isBy(me)).findLast(({ delivery }) => hasFailed(delivery?.state));
    if (failed) answers.push({ about: aboutOf(conversation), message_id: failed.id });
  }
  return { seq, answers };
}

async function messagesOf(read: Read, conversation: number): Promise<readonly Message[]> {
  try {
    return (await read<MessagePage>(`/chat/conversations/${conversation}/messages/?limit=${NEWEST}`)).results;
  } catch (problem) {
    // Gone, or transferred away, since the list was read.
    if ([403, 404].includes((problem as Problem).status)) return [];
    throw problem;
  }
}

function aboutOf({ id, guest_info, department }: Conversation): About {
  const { name, room_number } = guest_info;
  return { conversation_id: id, guest_name: name, room_number, department, preview: '', waiting_since: null };
}
