/** The guests that a search for a new conversation finds. */
import type { ListedGuest } from '../protocol/ListedGuest';

/** As the server compares rooms: `12B` and ` 12b` are one. */
const folded = (text: string) => text.normalize('NFKC').toLowerCase().trim().replace(/\s+/gu, ' ');

const isIn = (room: string, { room_number }: ListedGuest) => room_number !== null && folded(room_number) === room;

/** Guests of exactly this room first, then everybody who stays here now, then the others. */
export function inOrder(guests: readonly ListedGuest[], query: string): ListedGuest[] {
  const room = folded(query);
  const rank = (guest: ListedGuest) => (isIn(room, guest) ? 0 : guest.room_number !== null ? 1 : 2);
  return [...guests].sort((a, b) => rank(a) - rank(b));
}

/** The guest who is meant without doubt: alone in exactly this room, or the only one found. */
export function onlyMatch(guests: readonly ListedGuest[], query: string): ListedGuest | null {
  const room = folded(query);
  const there = guests.filter((guest) => isIn(room, guest));
  const matching = there.length > 0 ? there : guests;
  return matching.length === 1 ? (matching[0] ?? null) : null;
}
