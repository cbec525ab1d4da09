/** Alerts in a browser: turns what the attention rule decides into sound, title, vibration and notification. */
import { t } from '../../i18n';
import type { User } from '../../protocol/User';
import type { AlertPreferences, AlertTest, BackendEvent, ConnectionState, Pause } from '../types';
import { defaultPreferences } from '../types';
import { readPause, readPreferences, storePause, storePreferences } from './preferences';
import { Sounds } from './sounds';

/** `setTimeout` takes no more. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class WebAlerts {
  readonly #emit: (event: BackendEvent) => void;
  readonly #sounds: Sounds;
  #user: User | null = null;
  #preferences: AlertPreferences = defaultPreferences;
  #pause: Pause | null = null;
  #pauseTimer: ReturnType<typeof setTimeout> | undefined;
  #unread = 0;
  #isOffline = false;

  constructor(emit: (event: BackendEvent) => void) {
    this.#emit = emit;
    this.#sounds = new Sounds((isBlocked) => emit({ kind: 'sound_blocked', isBlocked }));
  }

  begin(user: User): void {
    this.#user = user;
    this.#emit({ kind: 'sound_blocked', isBlocked: this.#sounds.isBlocked });
    this.#paused(readPause(user, Date.now()));
  }

  end(): void {
    this.#user = null;
    this.#isOffline = false;
    this.#paused(null);
  }

  connection({ state }: ConnectionState): void {
    this.#isOffline = state !== 'connected';
    this.#showTitle();
  }

  unread(count: number): void {
    this.#unread = count;
    this.#showTitle();
  }

  async preferences(): Promise<AlertPreferences> {
    if (this.#user) this.#preferences = await readPreferences(this.#user);
    return this.#preferences;
  }

  save(preferences: AlertPreferences): boolean {
    this.#preferences = preferences;
    return this.#user !== null && storePreferences(this.#user, preferences);
  }

  pause(pause: Pause | null): void {
    if (this.#user) storePause(this.#user, pause);
    this.#paused(pause);
  }

  async test(): Promise<AlertTest> {
    const played = await this.#sounds.play(this.#preferences.sound);
    return { notification: 'unavailable', ...played };
  }

  #paused(pause: Pause | null): void {
    this.#pause = pause;
    clearTimeout(this.#pauseTimer);
    if (typeof pause?.until === 'number') {
      const left = Math.max(0, pause.until - Date.now());
      this.#pauseTimer = setTimeout(() => this.pause(null), Math.min(left, LONGEST_TIMER_MS));
    }
    this.#emit({ kind: 'pause', pause });
    this.#showTitle();
  }

  #showTitle(): void {
    const count = this.#unread > 0 ? `(${this.#unread}) ` : '';
    const offline = this.#isOffline && this.#user ? `${t('connection.offline')} ` : '';
    const paused = this.#pause ? ` – ${t('title.paused')}` : '';
    document.title = `${offline}${count}Frontdesk${paused}`;
  }
}
