/** Plays the sounds. A browser plays none before the person has used the page once. */
import type { AlertTest, Sound } from '../types';

const IDLE_AFTER_MS = 500;
const SAMPLE_RATE = 48_000;
/** A browser that allows sound starts within this time. */
const START_WITHIN_MS = 1_000;

const addressOf = (sound: Sound) => `/sounds/${sound}.wav`;

export class Sounds {
  readonly #changed: (isBlocked: boolean) => void;
  #context: AudioContext | null = null;
  #isBlocked: boolean;
  readonly #loaded = new Map<Sound, Promise<AudioBuffer>>();
  #rest: ReturnType<typeof setTimeout> | undefined;

  /** `changed`: sound became possible, or was refused. */
  constructor(changed: (isBlocked: boolean) => void) {
    this.#changed = changed;
    this.#isBlocked = !('userActivation' in navigator) || !navigator.userActivation.hasBeenActive;
    for (const event of ['pointerup', 'keydown', 'touchend']) addEventListener(event, this.#used, true);
  }

  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  /** Loads a sound while there is a connection: it is needed, above all, when there is none. */
  prepare(sound: Sound): void {
    if (sound !== 'none' && 'OfflineAudioContext' in globalThis) this.#load(sound).catch(() => {});
  }

  async play(sound: Sound): Promise<Pick<AlertTest, 'sound' | 'detail'>> {
    if (sound === 'none') return { sound: 'off' };
    if (!('AudioContext' in globalThis)) return { sound: 'no_device' };
    if (this.#isBlocked && !this.#context) return { sound: 'blocked' };
    try {
      const context = (this.#context ??= new AudioContext());
      if (!(await this.#start(context))) {
        this.#tell(true);
        return { sound: 'blocked' };
      }
      const buffer = await this.#load(sound);
      const source = context.createBufferSource();
      source.buffer = buffer;
      source.connect(context.destination);
      source.start();
      this.#restAfter(buffer.duration * 1_000 + IDLE_AFTER_MS);
      return { sound: 'played' };
    } catch (failure) {
      return { sound: 'no_device', detail: String(failure) };
    }
  }

  readonly #used = (): void => {
    if (!this.#isBlocked || !('AudioContext' in globalThis)) return;
    // Must happen within the event: this is what unlocks sound on a phone.
    this.#context ??= new AudioContext();
    void this.#start(this.#context).then((isStarted) => {
      if (!isStarted) return;
      this.#tell(false);
      this.#restAfter(IDLE_AFTER_MS);
    });
  };

  async #start(context: AudioContext): Promise<boolean> {
    if (context.state === 'running') return true;
    const late = new Promise<void>((resolve) => setTimeout(resolve, START_WITHIN_MS));
    await Promise.race([context.resume(), late]);
    return (context.state as AudioContextState) === 'running';
  }

  #load(sound: Sound): Promise<AudioBuffer> {
    const loaded = this.#loaded.get(sound);
    if (loaded) return loaded;
    const loading = fetch(addressOf(sound))
      .then((response) => {
        if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
        return response.arrayBuffer();
      })
      .then((bytes) => new OfflineAudioContext(1, 1, SAMPLE_RATE).decodeAudioData(bytes));
    this.#loaded.set(sound, loading);
    loading.catch(() => this.#loaded.delete(sound));
    return loading;
  }

  /** An idle audio device costs a few per cent of a core. */
  #restAfter(ms: number): void {
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => void this.#context?.suspend(), ms);
  }

  #tell(isBlocked: boolean): void {
    if (this.#isBlocked === isBlocked) return;
    this.#isBlocked = isBlocked;
    this.#changed(isBlocked);
  }
}
