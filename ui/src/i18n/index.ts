/** Every word on the screen comes from a catalogue. */
import i18next from 'i18next';
import { en } from './en';

declare module 'i18next' {
  interface CustomTypeOptions {
    resources: { translation: typeof en };
  }
}

const catalogues = { en: { translation: en } };

export function startI18n(): void {
  void i18next.init({
    lng: 'en',
    fallbackLng: 'en',
    resources: catalogues,
    // Svelte escapes what it shows.
    interpolation: { escapeValue: false },
    // All catalogues are in the bundle: there is nothing to wait for.
    initAsync: false,
  });
  document.documentElement.lang = language();
  document.documentElement.dir = i18next.dir();
}

export const t: typeof i18next.t = i18next.t.bind(i18next);

/** BCP 47 tag for `Intl`: the browser's own variant of the catalogue's language where it has one. */
export function language(): string {
  const { language: chosen } = i18next;
  return navigator.languages.find((each) => each.split('-')[0] === chosen) ?? chosen ?? 'en';
}
