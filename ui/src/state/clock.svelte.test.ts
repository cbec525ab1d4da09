/** The time on the screen: one timer for all that shows it, and none while nobody can see it. */
import { flushSync } from 'svelte';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { clock } from './clock.svelte';

let visibility: DocumentVisibilityState = 'visible';

beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2026, 10, 29, 12, 0, 0, 500), toFake: ['Date', 'setTimeout', 'clearTimeout'] });
  visibility = 'visible';
  vi.spyOn(document, 'visibilityState', 'get').mockImplementation(() => visibility);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Something on the screen that shows a time; says how often it was drawn. */
function shown(read: () => number): { count: () => number; remove: () => void } {
  let count = 0;
  const remove = $effect.root(() => {
    $effect(() => {
      read();
      count += 1;
    });
  });
  flushSync();
  return { count: () => count, remove };
}

function pass(seconds: number): void {
  for (let second = 0; second < seconds; second += 1) {
    vi.advanceTimersByTime(1_000);
    flushSync();
  }
}

function show(state: DocumentVisibilityState): void {
  visibility = state;
  document.dispatchEvent(new Event('visibilitychange'));
  flushSync();
}

it('is one timer, however much on the screen shows seconds', () => {
  const all = Array.from({ length: 50 }, () => shown(() => clock.now));
  expect(vi.getTimerCount()).toBe(1);
  pass(3);
  expect(all.map(({ count }) => count())).toEqual(Array.from({ length: 50 }, () => 4));
  all.forEach(({ remove }) => remove());
  flushSync();
  expect(vi.getTimerCount()).toBe(0);
});

it('changes once a minute where only minutes are shown', () => {
  const minutes = shown(() => clock.minute);
  pass(59);
  expect(minutes.count()).toBe(1);
  pass(2);
  expect(minutes.count()).toBe(2);
  minutes.remove();
});

it('stands still while the page is hidden, and is right at once when it is shown again', () => {
  const seconds = shown(() => clock.now);
  show('hidden');
  expect(vi.getTimerCount()).toBe(0);
  const before = seconds.count();
  pass(60);
  expect(seconds.count()).toBe(before);
  show('visible');
  expect(seconds.count()).toBe(before + 1);
  pass(1);
  expect(seconds.count()).toBe(before + 2);
  seconds.remove();
});
