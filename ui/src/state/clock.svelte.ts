/**
 * The time, for everything on the screen that depends on it: one timer for all, and none while the page is hidden or
 * nothing on the screen shows a time.
 */
import { createSubscriber } from 'svelte/reactivity';
import { serverTime } from '../backend/server_time';

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;

/** Calls back whenever the next `step` of the server's time begins, while somebody reads it and can see it. */
function ticking(step: number): () => void {
  return createSubscriber((update) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const wait = () => {
      clearTimeout(timer);
      if (document.visibilityState !== 'visible') return;
      timer = setTimeout(tick, step - (serverTime.now() % step) + 1);
    };
    const tick = () => {
      update();
      wait();
    };
    wait();
    // Updates the shown times at once.
    document.addEventListener('visibilitychange', tick);
    const unsubscribe = serverTime.subscribe(tick);
    return () => {
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', tick);
      unsubscribe();
    };
  });
}

const everySecond = ticking(SECOND_MS);
const everyMinute = ticking(MINUTE_MS);

export const clock = {
  /** The server's time. What reads it is computed anew each second. */
  get now(): number {
    everySecond();
    return serverTime.now();
  },

  /** The server's time; what reads it is computed anew each minute. Enough for days and times of day. */
  get minute(): number {
    everyMinute();
    return serverTime.now();
  },

  /** This computer's own time, for what was measured with it; computed anew each second. */
  get local(): number {
    everySecond();
    return Date.now();
  },
};
