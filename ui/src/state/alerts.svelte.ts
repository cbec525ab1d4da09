/** What the screen shows of alerts: who waits, the pause, and how the person wants to be alerted. */
import { serverTime } from '../backend/server_time';
import {
  defaultPreferences,
  type Alert,
  type AlertPreferences,
  type Backend,
  type BackendEvent,
  type Pause,
} from '../backend/types';

type AlertEvent = Extract<BackendEvent, { kind: 'alert' | 'pause' | 'sound_blocked' }>;

const MINUTE_MS = 60_000;

export class Alerts {
  alert = $state.raw<Alert | null>(null);
  pause = $state.raw<Pause | null>(null);
  isSoundBlocked = $state(false);
  preferences = $state.raw<AlertPreferences>(defaultPreferences);
  /** Until when repeats are silenced, and for whom. */
  #silenced = $state.raw<{ until: number; ids: ReadonlySet<number> } | null>(null);
  readonly #backend: Backend;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  on(event: AlertEvent): void {
    if (event.kind === 'alert') this.alert = event.alert;
    else if (event.kind === 'pause') this.pause = event.pause;
    else this.isSoundBlocked = event.isBlocked;
  }

  /** What cannot be read stays at its default. */
  async load(): Promise<void> {
    const read = await this.#backend.alertPreferences().catch(() => null);
    this.preferences = { ...defaultPreferences, ...read };
  }

  /** Shown at once; rejects when it could not be kept. */
  async change(change: Partial<AlertPreferences>): Promise<void> {
    this.preferences = { ...this.preferences, ...change };
    await this.#backend.saveAlertPreferences(this.preferences);
  }

  async setPause(pause: Pause | null): Promise<void> {
    await this.#backend.setPause(pause);
    this.pause = pause;
  }

  async silence(): Promise<void> {
    const ids = new Set(this.alert?.conversation_ids);
    this.#silenced = { until: serverTime.now() + this.preferences.repeat_minutes * MINUTE_MS, ids };
    await this.#backend.silence().catch(() => (this.#silenced = null));
  }

  /** Whether the person has just silenced all who wait. Somebody who came since is signalled, and can be silenced. */
  isSilent(now: number): boolean {
    const { until, ids } = this.#silenced ?? { until: 0, ids: new Set<number>() };
    return now < until && (this.alert?.conversation_ids.every((id) => ids.has(id)) ?? true);
  }
}
