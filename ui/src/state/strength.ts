/**
 * What can be said of a new password while it is typed. The same rule as the server's `auth/strength.rs`, but for what
 * only the server knows: the passwords that everybody tries. It has the last word.
 */
export type Strength =
  | { kind: 'none' }
  /** So many characters are missing. */
  | { kind: 'short'; missing: number }
  | { kind: 'long' }
  /** Hardly anything beside names that are no secret. */
  | { kind: 'named' }
  | { kind: 'enough' };

export const MIN_CHARS = 10;
const MAX_CHARS = 200;
/** Characters beside the names, without spaces and punctuation. */
const OWN_CHARS = 5;
/** What people write in the place of letters. */
const INSTEAD: Readonly<Record<string, string>> = {
  '0': 'o',
  '1': 'i',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '7': 't',
  '@': 'a',
  $: 's',
  '!': 'i',
};
const NAMES = ['frontdesk', 'front desk', 'hotel', 'reception', 'welcome'];

/** `about`: names that are no secret, such as the person's and the hotel's. */
export function strengthOf(password: string, about: readonly string[]): Strength {
  const count = [...password].length;
  if (count === 0) return { kind: 'none' };
  if (count < MIN_CHARS) return { kind: 'short', missing: MIN_CHARS - count };
  if (count > MAX_CHARS) return { kind: 'long' };
  return besideNames(password, about) < OWN_CHARS ? { kind: 'named' } : { kind: 'enough' };
}

function besideNames(password: string, about: readonly string[]): number {
  const parts = [...NAMES, ...about].flatMap((name) => {
    const words = name.split(/[^\p{Letter}\p{Mark}\p{Number}]+/u);
    return [name, words.join(''), ...words];
  });
  const names = parts.map(plain).filter((name) => [...name].length > 2);
  names.sort((one, other) => other.length - one.length);
  let rest = plain(password);
  for (const name of names) rest = rest.replaceAll(name, ' ');
  return (rest.match(/[^\p{Separator}\p{Punctuation}\p{Control}]/gu) ?? []).length;
}

/** In lower case, without accents, with letters for what stands in their place. */
function plain(text: string): string {
  const bare = text
    .normalize('NFKD')
    .replace(/\p{Mark}/gu, '')
    .toLowerCase();
  return [...bare].map((char) => INSTEAD[char] ?? char).join('');
}
