/** The person's locale: how dates, times and names are written and sorted, whatever the language of the texts. */
import i18next from 'i18next';

/**
 * The locale that the browser or the system is set to. A system without one (`LANG=C`) has a web view that names one
 * which `Intl` refuses: then the next one counts, at last English.
 */
function own(): string {
  return [...navigator.languages, navigator.language].find(isLocale) ?? 'en';
}

function isLocale(tag: string): boolean {
  try {
    return Intl.getCanonicalLocales(tag).length > 0;
  } catch {
    return false;
  }
}

/**
 * BCP 47 tag for words that `Intl` writes: in the language of the texts, as it is written where the person is. A browser
 * set to `de-CH` gets `en-CH`: English words, and the order of day and month of Switzerland.
 */
export function language(): string {
  const chosen = i18next.language ?? 'en';
  const first = new Intl.Locale(own());
  if (first.language === chosen) return first.baseName;
  const { region } = first.maximize();
  return region === undefined ? chosen : `${chosen}-${region}`;
}

/** Whether the person's locale writes 13:00 or 1 PM. */
export function hourCycle(): Intl.DateTimeFormatOptions {
  const { hourCycle: cycle } = new Intl.DateTimeFormat(own(), { hour: 'numeric' }).resolvedOptions();
  return cycle === undefined ? {} : { hourCycle: cycle };
}

let collator: { locale: string; compare: (a: string, b: string) => number } | undefined;

/** Compares names by the rules of the person's locale. */
export function compareNames(a: string, b: string): number {
  const locale = own();
  if (collator?.locale !== locale) collator = { locale, compare: new Intl.Collator(locale).compare };
  return collator.compare(a, b);
}
