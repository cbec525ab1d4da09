/**
 * Which conversations match what is searched for, and why. Words match in any order, in the name, the room or the
 * number. Capital letters, accents, apostrophes and dashes make no difference, as on the server: both run the cases of
 * `client-cases/search.json`.
 */
import type { Known } from './desk';

/** A part of a text, from `start` to before `end`. */
export interface Span {
  start: number;
  end: number;
}

/** Where the words were found. */
export interface Match {
  /** Lower is better: exactly this room, a room that begins so, then names, then numbers. */
  rank: number;
  name: readonly Span[];
  room: readonly Span[];
  number: readonly Span[];
}

/** Apostrophes, dashes and invisible marks: they may be left out. */
const LEFT_OUT = /[\p{M}\p{Cf}\p{Pd}'`´‘’‚‛′＇ʹʻʼʽˈ·‐‑⁃−]/gu;
const IS_LEFT_OUT = new RegExp(`^${LEFT_OUT.source}$`, 'u');
const IS_DIGIT = /^\p{Nd}$/u;
const SAME: Readonly<Record<string, string>> = { ς: 'σ', ı: 'i', ß: 'ss' };

interface Folded {
  text: string;
  /** For each character of `text`, the place of the one it was made of. */
  places: readonly number[];
}

function foldLetter(letter: string): string {
  if (IS_LEFT_OUT.test(letter)) return '';
  const folded = letter.normalize('NFKD').toLowerCase().normalize('NFKD').replace(LEFT_OUT, '');
  return [...folded].map((each) => SAME[each] ?? digitOf(each) ?? each).join('');
}

/** The ASCII digit for a digit of any script. Unicode keeps the ten digits of a script together and in order. */
function digitOf(character: string): string | null {
  if (!IS_DIGIT.test(character)) return null;
  const code = character.codePointAt(0) ?? 0;
  let first = code;
  while (IS_DIGIT.test(String.fromCodePoint(first - 1))) first -= 1;
  return String((code - first) % 10);
}

/** Folds letter by letter, so that what is found can be shown in the text as it is written. */
function foldWithPlaces(text: string): Folded {
  let folded = '';
  const places: number[] = [];
  let place = 0;
  for (const letter of text) {
    const made = foldLetter(letter);
    for (let index = 0; index < made.length; index += 1) places.push(place);
    folded += made;
    place += letter.length;
  }
  return { text: folded, places };
}

export function fold(text: string): string {
  return foldWithPlaces(text).text;
}

/** Texts are folded once: the same names are searched at every key. */
const folded = new Map<string, Folded>();
const MAX_FOLDED = 20_000;

function foldedOf(text: string): Folded {
  const known = folded.get(text);
  if (known) return known;
  if (folded.size >= MAX_FOLDED) folded.clear();
  const made = foldWithPlaces(text);
  folded.set(text, made);
  return made;
}

export interface Query {
  words: readonly string[];
  whole: string;
  /** The digits of each word that can be part of a number, else `null`. */
  digits: readonly (string | null)[];
  /** The digits of all words, when together they can be a number: people write numbers with spaces. */
  allDigits: string | null;
}

function digitsOf(text: string): string | null {
  // `(0)` is dialled within the country only.
  const digits = fold(text)
    .replace(/\(0\)/gu, '')
    .replace(/[\s+()./]/gu, '');
  return /^\d+$/u.test(digits) ? digits : null;
}

export function queryOf(text: string): Query {
  const parts = text.trim().split(/\s+/u);
  const words = parts.map(fold);
  return {
    words: words.filter((word) => word !== ''),
    whole: words.join(' ').trim(),
    digits: parts.filter((_, index) => words[index] !== '').map(digitsOf),
    allDigits: digitsOf(text),
  };
}

/** `null`: the conversation does not match, as far as this desk knows. */
export function matchOf({ guest_info }: Pick<Known, 'guest_info'>, query: Query): Match | null {
  if (query.words.length === 0) return null;
  const name = foldedOf(guest_info.name);
  const room = foldedOf(guest_info.room_number ?? '');
  const number = guest_info.whatsapp_number ?? '';
  const found = { name: [] as Span[], room: [] as Span[], number: [] as Span[] };
  const isNumber = query.allDigits !== null && numberSpan(number, query.allDigits, found.number);
  const isEvery = query.words.every((word, index) => {
    const inRoom = spanIn(room, word, found.room, (at) => beginsWord(guest_info.room_number ?? '', room, at));
    const inName = spanIn(name, word, found.name);
    const digits = query.digits[index] ?? null;
    const inNumber = !isNumber && digits !== null && numberSpan(number, digits, found.number);
    return inRoom || inName || inNumber;
  });
  if (!isEvery && !isNumber) return null;
  if (!isEvery) return { rank: 3, name: [], room: [], number: found.number };
  return { rank: rankOf(room.text, query, found), ...found };
}

function rankOf(room: string, { whole, words }: Query, found: Omit<Match, 'rank'>): number {
  if (room !== '' && (room === whole || words.includes(room))) return 0;
  if (found.room.length > 0 && words.some((word) => room.startsWith(word))) return 1;
  return found.name.length > 0 || found.room.length > 0 ? 2 : 3;
}

/** Whether a word begins there, at the beginning or after a space or dash. */
function beginsWord(written: string, { places }: Folded, at: number): boolean {
  const before = [...written.slice(0, places[at] ?? 0)].at(-1);
  return before === undefined || /\s/u.test(before) || IS_LEFT_OUT.test(before);
}

/** Looks for a word, and notes where it was written. */
function spanIn({ text, places }: Folded, word: string, spans: Span[], isRight?: (at: number) => boolean): boolean {
  let at = text.indexOf(word);
  while (at >= 0 && isRight?.(at) === false) at = text.indexOf(word, at + 1);
  if (at < 0) return false;
  const start = places[at] ?? 0;
  spans.push({ start, end: (places[at + word.length - 1] ?? start) + 1 });
  return true;
}

/** National forms begin with a zero that the international number lacks. */
function numberSpan(number: string, digits: string, spans: Span[]): boolean {
  const plain = number.replace(/\D/gu, '');
  const wanted = [digits, digits.replace(/^0{1,2}/u, '')].find((each) => each !== '' && plain.includes(each));
  if (wanted === undefined) return false;
  const places = [...number.matchAll(/\d/gu)].map(({ index }) => index);
  const at = plain.indexOf(wanted);
  const start = places[at] ?? 0;
  spans.push({ start, end: (places[at + wanted.length - 1] ?? start) + 1 });
  return true;
}

/** A text in parts, of which those that were found are marked. */
export interface Piece {
  text: string;
  isFound: boolean;
}

export function piecesOf(text: string, spans: readonly Span[]): Piece[] {
  const pieces: Piece[] = [];
  const add = (from: number, to: number, isFound: boolean) => {
    if (to > from) pieces.push({ text: text.slice(from, to), isFound });
  };
  let at = 0;
  for (const { start, end } of [...spans].sort((a, b) => a.start - b.start)) {
    const to = wholeLetters(text, end);
    add(at, start, false);
    add(Math.max(at, start), to, true);
    at = Math.max(at, to);
  }
  add(at, text.length, false);
  return pieces;
}

/** A mark may not end inside a letter: its accents belong to it. */
function wholeLetters(text: string, end: number): number {
  const rest = /^(?:[\uDC00-\uDFFF]|\p{M})+/u.exec(text.slice(end));
  return end + (rest?.[0].length ?? 0);
}
