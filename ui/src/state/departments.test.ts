import { expect, it } from 'vitest';
import { nextBeginningWith } from './departments';

const departments = ['Housekeeping', 'Room service', 'Restaurant', 'Économat'].map((name) => ({ slug: name, name }));
const next = (current: string, key: string, code = '') => nextBeginningWith(departments, current, { key, code });

it('goes on to the next department that begins with the letter, around the end', () => {
  expect(next('Housekeeping', 'r')).toBe('Room service');
  expect(next('Room service', 'R')).toBe('Restaurant');
  expect(next('Restaurant', 'r')).toBe('Room service');
  expect(next('Housekeeping', 'h')).toBe('Housekeeping');
  expect(next('Housekeeping', 'e')).toBe('Économat');
});

it('takes the position of the key on another keyboard, and nothing else for a letter', () => {
  expect(next('Housekeeping', 'к', 'KeyR')).toBe('Room service');
  expect(next('Housekeeping', 'x', 'KeyR')).toBeNull();
  for (const key of [' ', 'Enter', 'ArrowDown', '1']) expect(next('Housekeeping', key)).toBeNull();
});
