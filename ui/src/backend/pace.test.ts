import { expect, it } from 'vitest';
import { Pace } from './pace';

it('lets a burst go, then an even pace', () => {
  const pace = new Pace();
  const taken = Array.from({ length: 100 }, () => pace.take(1_000)).filter((later) => later === 0);
  expect(taken).toHaveLength(30);
  expect(pace.take(1_000)).toBe(75);
  expect(pace.take(1_075)).toBe(0);
  expect(pace.take(1_075)).toBe(75);
});

it('holds for a second when the server found it too much', () => {
  const pace = new Pace();
  pace.hold(1_000);
  const later = pace.take(1_000);
  expect(later).toBeGreaterThan(1_000);
  expect(pace.take(1_000 + later)).toBe(0);
});
