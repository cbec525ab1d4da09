/** How guests are called. */
import type { Conversation } from '../protocol/Conversation';

/** `204 Amelia Hart`: the room first, as the desk thinks in rooms. */
export function titleOf({ guest_info }: Conversation): string {
  const { room_number, name } = guest_info;
  return room_number === null ? name : `${room_number} ${name}`;
}
