import { expect, it } from 'vitest';
import type { ListedGuest } from '../protocol/ListedGuest';
import { inOrder, onlyMatch } from './guests';

const guest = (id: number, room_number: string | null, name = 'Amelia Hart'): ListedGuest => ({
  id,
  name,
  room_number,
  whatsapp_number: null,
  language: null,
  reply_via: null,
  reply_problem: null,
  conversations: [],
});
const ids = (guests: ListedGuest[]) => guests.map(({ id }) => id);

it('shows the guests of exactly that room first, then who stays, then the others', () => {
  const guests = [guest(1, null), guest(2, '2041'), guest(3, '12B'), guest(4, '204'), guest(5, null)];
  expect(ids(inOrder(guests, '204'))).toEqual([4, 2, 3, 1, 5]);
  for (const spelling of [' 12b ', '１２Ｂ']) expect(ids(inOrder(guests, spelling))).toEqual([3, 2, 4, 1, 5]);
});

it('chooses a guest only when nobody else can be meant', () => {
  expect(onlyMatch([guest(1, '204'), guest(2, '2041')], '204')?.id).toBe(1);
  expect(onlyMatch([guest(1, 'Suite 1')], 'suite  1')?.id).toBe(1);
  expect(onlyMatch([guest(1, '204'), guest(2, '204')], '204')).toBeNull();
  expect(onlyMatch([guest(1, '204')], 'amelia')?.id).toBe(1);
  expect(onlyMatch([guest(1, '204'), guest(2, null)], 'amelia')).toBeNull();
  expect(onlyMatch([], '204')).toBeNull();
});
