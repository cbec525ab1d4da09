/** Choosing a department by its first letter. */
import { language } from '../i18n/locale';

interface Choice {
  slug: string;
  name: string;
}

/** Slug of the next department after `current`, around the end, whose name begins with the character; else `null`. */
export function nextBeginningWith(
  departments: readonly Choice[],
  current: string,
  { key, code }: Pick<KeyboardEvent, 'key' | 'code'>,
): string | null {
  // On a keyboard of another script the position of the key decides, when no name begins with its own character.
  const position = /^Key([A-Z])$/u.exec(code)?.[1] ?? '';
  const typed = [...key].length === 1 && key !== ' ' ? [key, ...(/^[a-z]$/iu.test(key) ? [] : [position])] : [];
  const same = new Intl.Collator(language(), { sensitivity: 'base' });
  const at = departments.findIndex(({ slug }) => slug === current) + 1;
  const around = [...departments.slice(at), ...departments.slice(0, at)];
  for (const character of typed.filter(Boolean)) {
    const next = around.find(({ name }) => same.compare([...name.trim()][0] ?? '', character) === 0);
    if (next) return next.slug;
  }
  return null;
}
