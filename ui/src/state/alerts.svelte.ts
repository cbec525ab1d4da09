/** What the screen shows of alerts: who waits, the pause, and how the person wants to be alerted. */
import {
  defaultPreferences,
  type Alert,
  type AlertPreferences,
  type Backend,
  type BackendEvent,
  type Pause,
} from '../backend/types';

type AlertEvent = Extract<BackendEvent, { kind: 'alert' | 'pause' | 'sound_blocked' }>;

export class Alerts {
  alert = $state.raw<Alert | null>(null);
  pause = $state.raw<Pause | null>(null);
  isSoundBlocked = $state(false);
  preferences = $state.raw<AlertPreferences>(defaultPreferences);
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
}
