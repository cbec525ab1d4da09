/** Light or dark: by system, or as the person chose. */
import type { Backend, Settings } from '../backend/types';

export const themes: readonly Settings['theme'][] = ['system', 'light', 'dark'];

export class Preferences {
  settings = $state.raw<Settings>({ theme: 'system' });
  readonly #backend: Backend;
  readonly #system = matchMedia('(prefers-color-scheme: dark)');

  constructor(backend: Backend) {
    this.#backend = backend;
    this.#system.addEventListener('change', () => this.#show(this.settings));
    this.#show(this.settings);
  }

  async load(): Promise<void> {
    this.#show(await this.#backend.settings());
  }

  /** Shown at once; kept when the backend can. */
  async change(change: Partial<Settings>): Promise<void> {
    this.#show({ ...this.settings, ...change });
    await this.#backend.saveSettings(this.settings);
  }

  nextTheme(): Settings['theme'] {
    return themes[(themes.indexOf(this.settings.theme) + 1) % themes.length] ?? 'system';
  }

  #show(settings: Settings): void {
    this.settings = settings;
    const system = this.#system.matches ? 'dark' : 'light';
    document.documentElement.dataset['theme'] = settings.theme === 'system' ? system : settings.theme;
  }
}
