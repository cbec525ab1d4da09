/** How often a person is reminded of who waits, before they have chosen it and afterwards. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { me } from '../../state/fixtures';
import { requestJson } from '../http';
import { defaultPreferences } from '../types';
import { readPreferences, storePreferences } from './preferences';

vi.mock('../http', () => ({ requestJson: vi.fn() }));

beforeEach(() => localStorage.clear());
afterEach(() => vi.clearAllMocks());

const repeatWith = async (setup: unknown) => {
  vi.mocked(requestJson).mockResolvedValue(setup);
  return (await readPreferences(me)).repeat_minutes;
};

it('is every five minutes, and never in a demo unless the server says otherwise', async () => {
  expect(await repeatWith({ demo: null })).toBe(5);
  expect(await repeatWith({ demo: { repeat_minutes: 0 } })).toBe(0);
  expect(await repeatWith({ demo: {} })).toBe(0);
  expect(await repeatWith({ demo: { repeat_minutes: 5 } })).toBe(5);
});

it('is every five minutes where the server does not answer', async () => {
  vi.mocked(requestJson).mockRejectedValue(new Error('unreachable'));
  expect((await readPreferences(me)).repeat_minutes).toBe(5);
});

it('is what the person chose, also in a demo, and nobody else’s choice', async () => {
  storePreferences(me, { ...defaultPreferences, repeat_minutes: 10 });
  expect(await repeatWith({ demo: { repeat_minutes: 0 } })).toBe(10);
  vi.mocked(requestJson).mockResolvedValue({ demo: { repeat_minutes: 0 } });
  expect((await readPreferences({ ...me, id: 8 })).repeat_minutes).toBe(0);
});

it('is the default where another version has stored a value that this one does not have', async () => {
  storePreferences(me, { ...defaultPreferences, repeat_minutes: 7 as 5, sound: 'gong' as 'none' });
  expect(await readPreferences(me)).toEqual(defaultPreferences);
});
