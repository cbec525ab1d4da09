/** Every word on the screen comes from a catalogue. */
import i18next from 'i18next';
import { en } from './en';
import { isolated } from '../text/isolate';
import { language } from './locale';

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
    // Svelte escapes HTML; here, names are kept from turning the sentence that they stand in.
    interpolation: { escapeValue: true, escape: isolated },
    // All catalogues are in the bundle: there is nothing to wait for.
    initAsync: false,
  });
  document.documentElement.lang = language();
  document.documentElement.dir = i18next.dir();
}

export const t: typeof i18next.t = i18next.t.bind(i18next);
