import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Presence as Reported } from '../backend/types';
import { Presence } from './presence.svelte';

describe('presence', () => {
  let reports: Reported[];
  let presence: Presence;
  let stop: () => void;
  let isFocused: boolean;
  let visibility: DocumentVisibilityState;

  beforeEach(() => {
    vi.useFakeTimers();
    reports = [];
    isFocused = true;
    visibility = 'visible';
    vi.spyOn(document, 'hasFocus').mockImplementation(() => isFocused);
    vi.spyOn(document, 'visibilityState', 'get').mockImplementation(() => visibility);
    presence = new Presence((report) => {
      reports.push(report);
      return Promise.resolve();
    });
    stop = presence.observe();
  });

  afterEach(() => {
    stop();
    vi.restoreAllMocks();
    vi.useRealTimers();
  });

  const use = () => dispatchEvent(new Event('pointermove'));

  it('begins with the first key or pointer, and ends 60 s after the last', () => {
    expect(presence.isThere).toBe(false);
    use();
    expect(presence.isThere).toBe(true);
    vi.advanceTimersByTime(30_000);
    dispatchEvent(new Event('keydown'));
    vi.advanceTimersByTime(59_999);
    expect(presence.isThere).toBe(true);
    vi.advanceTimersByTime(1);
    expect(presence.isThere).toBe(false);
  });

  it('ends at once when the window loses the focus or is hidden', () => {
    use();
    isFocused = false;
    dispatchEvent(new Event('blur'));
    expect(presence.isThere).toBe(false);
    isFocused = true;
    dispatchEvent(new Event('focus'));
    expect(presence.isThere).toBe(true);
    visibility = 'hidden';
    document.dispatchEvent(new Event('visibilitychange'));
    expect(presence.isThere).toBe(false);
    expect(reports.at(-1)).toEqual({ visible: false, focused: true, used: false });
  });

  it('is reported when it changes, and every 5 s while the window is used', () => {
    expect(reports).toEqual([{ visible: true, focused: true, used: false }]);
    use();
    expect(reports).toHaveLength(2);
    expect(reports.at(-1)).toEqual({ visible: true, focused: true, used: true });
    for (let ms = 0; ms < 12_000; ms += 100) {
      use();
      vi.advanceTimersByTime(100);
    }
    expect(reports).toHaveLength(4);
    expect(reports.every(({ used }, index) => used === index > 0)).toBe(true);
  });

  it('is not prolonged by a report that comes late', () => {
    use();
    use();
    vi.setSystemTime(Date.now() + 30_000);
    vi.advanceTimersByTime(5_000);
    expect(reports.at(-1)).toEqual({ visible: true, focused: true, used: false });
  });

  it('is not reported while nobody does anything', () => {
    use();
    vi.advanceTimersByTime(600_000);
    expect(reports).toHaveLength(2);
  });
});
