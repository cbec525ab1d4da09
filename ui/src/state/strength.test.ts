import { describe, expect, it } from 'vitest';
import { strengthOf } from './strength';

const kindOf = (password: string) => strengthOf(password, ['Hotel Aurora', 'ana.silva', 'Ana Silva']).kind;

describe('a new password', () => {
  it('is counted in characters', () => {
    expect(kindOf('')).toBe('none');
    expect(strengthOf('kornblume', [])).toEqual({ kind: 'short', missing: 1 });
    expect(strengthOf('🌊🌊🌊🌊🌊🌊', [])).toEqual({ kind: 'short', missing: 4 });
    expect(kindOf('дождьвлесу7')).toBe('enough');
    expect(kindOf('wolf sieben '.repeat(17))).toBe('long');
  });

  // As in the tests of the server's rule.
  it.each([
    'Hotel Aurora',
    'hotelaurora1',
    'aurorahotel',
    'ana.silva123',
    'silvasilva',
    'frontdesk1',
    'ana-ana-ana',
    '4n4.s1lv4.1',
    'Aná.Sílva.1',
  ])('that is little but names is told apart: %s', (password) => {
    expect(kindOf(password)).toBe('named');
  });

  it.each([
    'correct horse battery',
    'another good one',
    'the moon over the bay',
    'xk4tq9wmzp',
    'ein Boot im Regen',
    '🦊🌵🛶🧀🎺🪁🐙🍇🧭🪵',
  ])('that the server takes is found long enough: %s', (password) => {
    expect(kindOf(password)).toBe('enough');
  });
});
