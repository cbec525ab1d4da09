import { beforeEach, describe, expect, it } from 'vitest';
import { Places } from './places';

describe('places', () => {
  let now = 0;
  let places: Places<number>;

  beforeEach(() => {
    now = 0;
    places = new Places(() => now, 400);
    places.show('waiting', [1, 2, 3]);
    now = 1_000;
  });

  it('a row that has come to the place of another one settles after a while', () => {
    places.show('waiting', [9, 1, 2, 3]);
    expect(places.isSettled(9, now)).toBe(false);
    expect(places.isSettled(1, now)).toBe(false);
    now = 1_399;
    expect(places.isSettled(2, now)).toBe(false);
    now = 1_400;
    expect(places.isSettled(2, now)).toBe(true);
  });

  it('a finger that rests has aimed at what was there before it came', () => {
    places.show('waiting', [9, 1, 2, 3]);
    now = 1_600;
    expect(places.isSettled(9, 1_300)).toBe(false);
    expect(places.isSettled(9, 1_400)).toBe(true);
    places.show('waiting', [1, 2, 3]);
    now = 2_400;
    expect(places.isSettled(1, 1_500)).toBe(false);
  });

  it('a row that keeps its place is settled while others move', () => {
    places.show('waiting', [1, 3, 2]);
    expect(places.isSettled(1, now)).toBe(true);
    expect(places.isSettled(3, now)).toBe(false);
  });

  it('a row that goes and comes back has moved', () => {
    places.show('waiting', [2, 1, 3]);
    now = 1_100;
    places.show('waiting', [1, 2, 3]);
    expect(places.isSettled(1, now)).toBe(false);
    expect(places.isSettled(3, now)).toBe(true);
    now = 1_500;
    expect(places.isSettled(1, now)).toBe(true);
  });

  it('where no row was, and in another list, a row is settled at once', () => {
    places.show('waiting', [1, 2, 3, 4]);
    expect(places.isSettled(4, now)).toBe(true);
    places.show('open', [7, 8]);
    expect(places.isSettled(7, now)).toBe(true);
  });

  it('forgets what was shown long ago', () => {
    for (let id = 10; id < 20; id += 1) {
      now += 1_000;
      places.show('waiting', [id, 2]);
    }
    now += 1_000;
    expect(places.isSettled(19, now)).toBe(true);
    expect(places.isSettled(2, now)).toBe(true);
  });
});
