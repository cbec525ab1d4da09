/** What a key does, from where the focus is and what was typed just before. */
import { isComposed } from '../text/composition';

export type Action =
  | 'down'
  | 'up'
  | 'open'
  | 'back'
  | 'search'
  | 'palette'
  | 'reply'
  | 'close'
  | 'longest_wait'
  | 'department'
  | 'new'
  | 'transfer'
  | 'help';

/** As shown in the help, in this order. */
export const shortcuts: readonly { action: Action; keys: readonly (readonly string[])[] }[] = [
  { action: 'down', keys: [['↓'], ['j']] },
  { action: 'up', keys: [['↑'], ['k']] },
  { action: 'open', keys: [['Enter']] },
  { action: 'back', keys: [['Esc']] },
  { action: 'longest_wait', keys: [['u']] },
  { action: 'reply', keys: [['r']] },
  { action: 'close', keys: [['e']] },
  { action: 'transfer', keys: [['t']] },
  { action: 'new', keys: [['n']] },
  { action: 'search', keys: [['/']] },
  { action: 'department', keys: [['0'], ['1…9']] },
  { action: 'palette', keys: [['Ctrl', 'K']] },
  { action: 'help', keys: [['?']] },
];

/** Commands on a row of the list. */
const letters: Readonly<Record<string, Action>> = {
  j: 'down',
  k: 'up',
  r: 'reply',
  e: 'close',
  u: 'longest_wait',
  n: 'new',
  t: 'transfer',
};
/** Commands on a row of the list, on a tab, and on the page while no conversation is open. */
const signs: Readonly<Record<string, Action>> = { '/': 'search', '?': 'help' };
const arrows: Readonly<Record<string, Action>> = { ArrowDown: 'down', ArrowUp: 'up' };

/**
 * Where the focus is: in a text box of several lines or of one; on a row of the list; on a tab, where the focus is when
 * the list is empty; on a button, link or menu; in the log of messages; or on nothing that takes keys.
 */
export type Place = 'text' | 'line' | 'row' | 'tab' | 'control' | 'log' | 'page';

const controls = 'button, a[href], summary, [role="menu"], [role="listbox"], [role="option"]';
const withoutText = ['radio', 'checkbox', 'button', 'submit'];

/** Whether what is typed there is text. */
export function isTextBox(element: EventTarget | null): boolean {
  if (element instanceof HTMLTextAreaElement || element instanceof HTMLSelectElement) return true;
  return element instanceof HTMLInputElement && !withoutText.includes(element.type);
}

/** The conversation whose row has the focus. */
export function rowOf(target: EventTarget | null): number | null {
  const row = target instanceof Element ? target.closest('[data-conversation]') : null;
  return row ? Number(row.getAttribute('data-conversation')) : null;
}

export function placeOf(target: EventTarget | null): Place {
  if (target instanceof HTMLInputElement) return 'line';
  if (isTextBox(target)) return 'text';
  if (!(target instanceof Element)) return 'page';
  if (rowOf(target) !== null) return 'row';
  if (target.closest('[role="tab"]')) return 'tab';
  if (target.closest(controls)) return 'control';
  return target.closest('[role="log"]') ? 'log' : 'page';
}

export type Key = Pick<
  KeyboardEvent,
  'key' | 'code' | 'keyCode' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey' | 'repeat' | 'isComposing'
> & { getModifierState: (name: string) => boolean };

export interface Situation {
  place: Place;
  /** The row with the focus is that of the open conversation. */
  isOpenRow: boolean;
  /** A conversation is open: text may be meant for it. */
  isOpen: boolean;
  /** The person uses commands of a single character. */
  letterCommands: boolean;
}

export type Meaning =
  /** `number`: with `department`, 0 for all, else its place. */
  | { kind: 'command'; action: Action; number?: number }
  /** It goes into the answer box. */
  | { kind: 'text' }
  /** It must do nothing at all: somebody is writing. */
  | { kind: 'ignored' };

/** After a character that is text, the following ones are text for so long. */
const TEXT_GOES_ON_MS = 1_000;

export class KeyReader {
  readonly #now: () => number;
  #typedAt = -Infinity;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** `null`: the key keeps its normal function. */
  read(key: Key, situation: Situation): Meaning | null {
    if (isComposed(key)) return null;
    if (isPrintable(key)) return this.#readCharacter(key, situation);
    const { ctrlKey, metaKey, altKey } = key;
    if ((ctrlKey || metaKey) && !altKey && letterOf(key) === 'k') return { kind: 'command', action: 'palette' };
    if (ctrlKey || metaKey || altKey) return null;
    return this.#readNamed(key, situation);
  }

  /** The pointer was pressed somewhere: what is typed now has nothing to do with what was typed before. */
  pointed(): void {
    this.#typedAt = -Infinity;
  }

  get #isWriting(): boolean {
    return this.#now() - this.#typedAt < TEXT_GOES_ON_MS;
  }

  #readCharacter(key: Key, situation: Situation): Meaning | null {
    const { place, isOpenRow } = situation;
    if (place === 'control') return null;
    const command = this.#isWriting ? null : commandOf(key, situation);
    // A key that is held down moves through the list, but closes no second conversation.
    if (command && key.repeat && !Object.values(arrows).includes(command.action)) return { kind: 'ignored' };
    if (command) return command;
    if (place === 'page' && !situation.isOpen) return null;
    if (place === 'tab') {
      // Signs within a sentence are no commands. The space bar presses the tab.
      if (key.key !== ' ') this.#typedAt = this.#now();
      return null;
    }
    const wasWriting = this.#isWriting;
    this.#typedAt = this.#now();
    if (place === 'text' || place === 'line') return null;
    if (key.key === ' ') {
      // The space bar scrolls the page and presses a row, unless it is a space between words.
      if (!wasWriting) this.#typedAt = -Infinity;
      return wasWriting && place === 'row' ? { kind: 'ignored' } : null;
    }
    return place === 'row' && !isOpenRow ? { kind: 'ignored' } : { kind: 'text' };
  }

  #readNamed({ key }: Key, { place }: Situation): Meaning | null {
    const leavesText = ['Escape', 'Tab'].includes(key) || (place !== 'text' && key in arrows);
    if (leavesText || (place === 'line' && key === 'Enter')) this.#typedAt = -Infinity;
    if (key === 'Escape') return { kind: 'command', action: 'back' };
    if (key === 'Enter') return place === 'row' && this.#isWriting ? { kind: 'ignored' } : null;
    if (key === 'Dead' && (place === 'page' || place === 'log')) return { kind: 'text' };
    const action = arrows[key];
    const isFree = ['row', 'page', 'tab', 'control'].includes(place);
    return action && isFree ? { kind: 'command', action } : null;
  }
}

/** A key that writes a character, also with AltGr, or with Option on a Mac. */
function isPrintable(key: Key): boolean {
  if ([...key.key].length !== 1) return false;
  if (key.getModifierState('AltGraph')) return true;
  const writesWithAlt = key.altKey && !key.ctrlKey && !/^[ -~]$/u.test(key.key);
  return !key.ctrlKey && !key.metaKey && (!key.altKey || writesWithAlt);
}

/** `null`: as a command, the key means nothing there. */
function commandOf(key: Key, { place, isOpen, letterCommands }: Situation): (Meaning & { kind: 'command' }) | null {
  if (!letterCommands || key.altKey || key.getModifierState('AltGraph')) return null;
  const isRow = place === 'row';
  if (!isRow && place !== 'tab' && (place !== 'page' || isOpen)) return null;
  const sign = signs[key.key];
  if (sign) return { kind: 'command', action: sign };
  if (place === 'tab') return null;
  const number = digitOf(key);
  if (number !== null) return { kind: 'command', action: 'department', number };
  // With Shift it is the beginning of a sentence.
  const action = isRow && !key.shiftKey ? letters[letterOf(key) ?? ''] : undefined;
  return action ? { kind: 'command', action } : null;
}

/** The letter a to z on the key. Where its character is no ASCII letter, the position of the key decides. */
function letterOf({ key, code }: Key): string | null {
  if (/^[a-z]$/iu.test(key)) return key.toLowerCase();
  // Signs are signs: on a Dvorak keyboard the full stop is where others have the E.
  if (!/^[\p{Letter}\p{Mark}]+$/u.test(key)) return null;
  return /^Key([A-Z])$/u.exec(code)?.[1]?.toLowerCase() ?? null;
}

function digitOf({ key, code }: Key): number | null {
  if (!/^\p{Decimal_Number}$/u.test(key)) return null;
  const digit = /^\d$/u.test(key) ? key : /^(?:Digit|Numpad)(\d)$/u.exec(code)?.[1];
  return digit === undefined ? null : Number(digit);
}
