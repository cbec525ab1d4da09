import { expect, test } from 'vitest';
import { isSame, isStricter, type Retention } from './retention';

const kept: Retention = { days: null, kind: 'delete' };
const deleted = (days: number): Retention => ({ days, kind: 'delete' });
const anonymised = (days: number): Retention => ({ days, kind: 'anonymise' });

test('what removes something that was kept is stricter', () => {
  expect(isStricter(kept, deleted(90))).toBe(true);
  expect(isStricter(kept, anonymised(90))).toBe(true);
  expect(isStricter(deleted(90), deleted(89))).toBe(true);
  expect(isStricter(deleted(90), anonymised(30))).toBe(true);
  expect(isStricter(anonymised(90), deleted(90))).toBe(true);
  expect(isStricter(anonymised(90), deleted(900))).toBe(true);
});

test('what keeps as much or more is not stricter', () => {
  expect(isStricter(kept, kept)).toBe(false);
  expect(isStricter(deleted(30), kept)).toBe(false);
  expect(isStricter(deleted(30), deleted(30))).toBe(false);
  expect(isStricter(deleted(30), deleted(31))).toBe(false);
  expect(isStricter(deleted(30), anonymised(30))).toBe(false);
});

test('the kind matters only where there is a number of days', () => {
  expect(isSame(kept, { days: null, kind: 'anonymise' })).toBe(true);
  expect(isSame(deleted(30), anonymised(30))).toBe(false);
  expect(isSame(deleted(30), deleted(31))).toBe(false);
  expect(isSame(deleted(30), deleted(30))).toBe(true);
});
