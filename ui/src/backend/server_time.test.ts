import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { serverTime } from './server_time';

const SERVER = Date.UTC(2026, 10, 29, 12, 0, 0);
const MINUTE = 60_000;

describe('the server’s time', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    serverTime.reset();
  });
  afterEach(() => {
    serverTime.reset();
    vi.useRealTimers();
  });

  const isOff = (ms: number) => vi.setSystemTime(SERVER + ms);
  const at = (ms: number) => new Date(SERVER + ms).toISOString();

  it.each([
    ['12 minutes ahead', 12 * MINUTE],
    ['a day ahead', 24 * 60 * MINUTE],
    ['12 minutes behind', -12 * MINUTE],
  ])('is known where this computer’s clock is %s', (_, ms) => {
    isOff(ms);
    serverTime.fromTimestamp(at(-50), 100);
    expect(serverTime.now()).toBe(SERVER);
    vi.advanceTimersByTime(5_000);
    expect(serverTime.now()).toBe(SERVER + 5_000);
  });

  it('is this computer’s own where the two differ by less than a sample can tell', () => {
    isOff(400);
    serverTime.fromTimestamp(at(0), 10);
    expect(serverTime.now()).toBe(SERVER + 400);
    serverTime.fromHeader(new Date(SERVER).toUTCString(), 10);
    expect(serverTime.now()).toBe(SERVER + 400);
  });

  it('comes from the Date header within a second', () => {
    isOff(12 * MINUTE + 700);
    serverTime.fromHeader(new Date(SERVER).toUTCString(), 10);
    expect(Math.abs(serverTime.now() - (SERVER + 700))).toBeLessThan(1_000);
  });

  it('is not taken from an answer that was under way for too long, or that shows no time', () => {
    isOff(12 * MINUTE);
    serverTime.fromTimestamp(at(0), 60_000);
    serverTime.fromTimestamp('soon', 10);
    serverTime.fromHeader(null, 10);
    expect(serverTime.now()).toBe(SERVER + 12 * MINUTE);
  });

  it('follows when this computer’s clock is set right, and says so', () => {
    const changed = vi.fn();
    const unsubscribe = serverTime.subscribe(changed);
    isOff(12 * MINUTE);
    serverTime.fromTimestamp(at(0), 0);
    isOff(0);
    serverTime.fromTimestamp(at(0), 0);
    expect(serverTime.now()).toBe(SERVER);
    expect(changed).toHaveBeenCalledTimes(2);
    unsubscribe();
  });
});
