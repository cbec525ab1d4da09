import { afterEach, describe, expect, it, vi } from 'vitest';
import { compareNames, hourCycle, language } from './locale';

afterEach(() => vi.restoreAllMocks());

/** A browser that names these locales. */
function set(...tags: string[]): void {
  vi.spyOn(navigator, 'languages', 'get').mockReturnValue(tags);
  vi.spyOn(navigator, 'language', 'get').mockReturnValue(tags[0] ?? '');
}

describe('the locale of the person', () => {
  it('is that of the browser', () => {
    set('de-CH');
    expect(language()).toBe('en-CH');
    expect(hourCycle()).toEqual({ hourCycle: 'h23' });
  });

  it('is the first that is one, as a system without a language names none', () => {
    set('c', 'de-DE');
    expect(language()).toBe('en-DE');
  });

  it('decides how names are sorted', () => {
    const names = ['Zoe', 'Örn', 'anna', 'Ben'];
    set('de-CH');
    expect([...names].sort(compareNames)).toEqual(['anna', 'Ben', 'Örn', 'Zoe']);
    set('sv-SE');
    expect([...names].sort(compareNames)).toEqual(['anna', 'Ben', 'Zoe', 'Örn']);
  });

  it('is English where there is none', () => {
    set('c');
    expect(language()).toBe('en');
    expect(compareNames('a', 'b')).toBeLessThan(0);
    set('');
    expect(hourCycle()).toHaveProperty('hourCycle');
  });
});
