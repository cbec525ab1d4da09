/** Plays the sounds. A browser plays none before the person has used the page once. */
import { addressOf } from '../address';
import type { AlertTest, Sound } from '../types';

const IDLE_AFTER_MS = 500;
const SAMPLE_RATE = 48_000;
/** A browser that allows sound starts within this time, where it does not say whether it does. */
const START_WITHIN_MS = 1_000;
/** A sound device that was asleep, or a computer that is busy, can take this long. */
const WAKE_WITHIN_MS = 10_000;

/** A click follows the end of its touch within this time. */
const CLICK_WITHIN_MS = 400;

/**
 * Sound may have been turned on by a touch whose click is still to come. What asked for the touch keeps its place until
 * then: else the page would move, and the click would reach something else.
 */
function clickIsOver(): Promise<void> {
  return new Promise((resolve) => {
    addEventListener('click', () => setTimeout(resolve), { once: true, capture: true });
    setTimeout(resolve, CLICK_WITHIN_MS);
  });
}

const fileOf = (sound: Sound) => addressOf(`/sounds/${sound}.wav`);

export class Sounds {
  readonly #changed: (isBlocked: boolean) => void;
  #context: AudioContext | null = null;
  #isBlocked: boolean;
  /** A sound could be played in this page before. */
  #hasRun = false;
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
    let restAfterMs = IDLE_AFTER_MS;
    try {
      const context = this.#open();
      const buffer = await this.#load(sound);
      clearTimeout(this.#rest);
      if (!(await this.#start(context))) {
        this.#tell(true);
        return { sound: 'blocked' };
      }
      const source = context.createBufferSource();
      source.buffer = buffer;
      source.connect(context.destination);
      source.start();
      restAfterMs += buffer.duration * 1_000;
      return { sound: 'played' };
    } catch (failure) {
      return { sound: 'no_device', detail: String(failure) };
    } finally {
      this.#restAfter(restAfterMs);
    }
  }

  readonly #used = (): void => {
    if (!this.#isBlocked || !('AudioContext' in globalThis)) return;
    // Must happen within the event: this is what unlocks sound on a phone.
    void this.#start(this.#open());
  };

  #open(): AudioContext {
    if (this.#context) return this.#context;
    const context = new AudioContext();
    context.addEventListener('statechange', () => {
      if (context.state !== 'running') return;
      this.#hasRun = true;
      void clickIsOver().then(() => this.#tell(false));
      // Not where a sound plays, which the device rests after.
      if (this.#rest === undefined) this.#restAfter(IDLE_AFTER_MS);
    });
    this.#context = context;
    return context;
  }

  async #start(context: AudioContext): Promise<boolean> {
    if (context.state === 'running') return true;
    const isAllowed = this.#hasRun || navigator.userActivation?.hasBeenActive === true;
    const withinMs = isAllowed ? WAKE_WITHIN_MS : START_WITHIN_MS;
    const late = new Promise<void>((resolve) => setTimeout(resolve, withinMs));
    await Promise.race([context.resume(), late]);
    return (context.state as AudioContextState) === 'running';
  }

  #load(sound: Sound): Promise<AudioBuffer> {
    const loaded = this.#loaded.get(sound);
    if (loaded) return loaded;
    const loading = fetch(fileOf(sound))
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
    this.#rest = setTimeout(() => {
      this.#rest = undefined;
      void this.#context?.suspend();
    }, ms);
  }

  #tell(isBlocked: boolean): void {
    if (this.#isBlocked === isBlocked) return;
    this.#isBlocked = isBlocked;
    this.#changed(isBlocked);
  }
}
