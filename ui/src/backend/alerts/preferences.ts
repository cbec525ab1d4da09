/** How a person wants to be alerted in this browser, and their pause. */
import type { User } from '../../protocol/User';
import { requestJson } from '../http';
import { readStored, store } from '../stored';
import { defaultPreferences, repeats, sounds, type AlertPreferences, type Pause } from '../types';

/** `demo`: only where the server is a demo. */
interface DemoSetup {
  demo?: { repeat_minutes?: number } | null;
}

const keyOf = (what: string, { id, property }: User) => `frontdesk.${what}.${property.id}.${id}`;

export async function readPreferences(user: User): Promise<AlertPreferences> {
  const stored = readStored<Partial<AlertPreferences>>(localStorage, keyOf('alerts', user));
  return valid(stored ?? { repeat_minutes: await firstRepeat() });
}

export function storePreferences(user: User, preferences: AlertPreferences): boolean {
  return store(localStorage, keyOf('alerts', user), preferences);
}

/** A pause that is over is none. */
export function readPause(user: User, now: number): Pause | null {
  const pause = readStored<Pause>(localStorage, keyOf('pause', user));
  const isOver = typeof pause?.until === 'number' && pause.until <= now;
  return pause === null || typeof pause !== 'object' || isOver ? null : { until: pause.until ?? null };
}

export function storePause(user: User, pause: Pause | null): boolean {
  return store(localStorage, keyOf('pause', user), pause);
}

/** Another version of the program may have stored something else. */
function valid(stored: Partial<AlertPreferences>): AlertPreferences {
  const preferences = { ...defaultPreferences, ...stored };
  if (!sounds.includes(preferences.sound)) preferences.sound = defaultPreferences.sound;
  if (!repeats.includes(preferences.repeat_minutes)) preferences.repeat_minutes = defaultPreferences.repeat_minutes;
  return preferences;
}

async function firstRepeat(): Promise<AlertPreferences['repeat_minutes']> {
  const setup = await requestJson<DemoSetup>('GET', '/setup/').catch(() => null);
  if (!setup?.demo) return defaultPreferences.repeat_minutes;
  return repeats.find((minutes) => minutes === setup.demo?.repeat_minutes) ?? 0;
}
