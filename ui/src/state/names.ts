/** How guests are called. */
import type { Conversation } from '../protocol/Conversation';

/** `204 Amelia Hart`: the room first, as the desk thinks in rooms. */
export function titleOf({ guest_info }: Conversation): string {
  return guestTitle(guest_info);
}

export function guestTitle({ room_number, name }: { room_number: string | null; name: string }): string {
  return room_number === null ? name : `${room_number} ${name}`;
}
