import { describe, expect, it } from 'vitest';
import cases from '../../../client-cases/visible.json';
import { hasVisibleCharacter } from './visible';

describe('a text', () => {
  it.each(cases)('is visible or not: $text', ({ text, visible }) => {
    expect(hasVisibleCharacter(text)).toBe(visible);
  });
});
