/** The keyboard map: which action a key means. What `?` shows is made from the same table. */
export type Action =
  | 'down'
  | 'up'
  | 'open'
  | 'back'
  | 'search'
  | 'palette'
  | 'reply'
  | 'close'
  | 'next_unread'
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
  { action: 'next_unread', keys: [['u']] },
  { action: 'reply', keys: [['r']] },
  { action: 'close', keys: [['e']] },
  { action: 'transfer', keys: [['t']] },
  { action: 'new', keys: [['n']] },
  { action: 'search', keys: [['/']] },
  { action: 'department', keys: [['0'], ['1…9']] },
  { action: 'palette', keys: [['Ctrl', 'K']] },
  { action: 'help', keys: [['?']] },
];

export interface Key {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  isComposing: boolean;
}

const letters: Record<string, Action> = {
  j: 'down',
  k: 'up',
  ArrowDown: 'down',
  ArrowUp: 'up',
  '/': 'search',
  r: 'reply',
  e: 'close',
  u: 'next_unread',
  n: 'new',
  t: 'transfer',
  '?': 'help',
};

export interface Meant {
  action: Action;
  /** With `department`: 0 for all, else its place. */
  place?: number;
}

/** `null`: the key is not ours. While somebody types, only Escape and Ctrl K are. */
export function meaning(key: Key, isTyping: boolean): Meant | null {
  if (key.isComposing) return null;
  const { key: name } = key;
  if ((key.ctrlKey || key.metaKey) && !key.altKey && name.toLowerCase() === 'k') return { action: 'palette' };
  if (key.ctrlKey || key.metaKey || key.altKey) return null;
  if (name === 'Escape') return { action: 'back' };
  if (isTyping) return null;
  if (/^[0-9]$/u.test(name)) return { action: 'department', place: Number(name) };
  const action = letters[name] ?? letters[name.toLowerCase()];
  return action ? { action } : null;
}

/** Whether keys are text where the focus is. */
export function isTextBox(element: EventTarget | null): boolean {
  if (element instanceof HTMLTextAreaElement || element instanceof HTMLSelectElement) return true;
  return element instanceof HTMLInputElement && !['radio', 'checkbox', 'button', 'submit'].includes(element.type);
}

/** Keys that leave a text box, besides the pointer. In a box of one line, Enter and the arrows go on to what it is for. */
const leaving = ['Escape', 'Tab'];
const leavingOneLine = [...leaving, 'Enter', 'ArrowDown', 'ArrowUp'];
/** Keys that say, where nothing can be written, that nobody is writing. */
const moving = [...leaving, 'ArrowDown', 'ArrowUp'];
/** What these do besides writing: press what has the focus, delete. */
const writing = ['Enter', 'Backspace', 'Delete'];
const modifiers = ['Shift', 'Control', 'Alt', 'AltGraph', 'Meta', 'CapsLock'];

/**
 * Who writes goes on writing, also when the text box is gone from under their hands: then their letters are no
 * commands, and Enter presses nothing, until they left by Escape, Tab, an arrow or the pointer.
 */
export class Hands {
  #areWriting = false;

  /** Takes note of a key before anything else hears of it. Returns whether it must do nothing. */
  pressed({ key, ctrlKey, metaKey, target }: Key & { target: EventTarget | null }): boolean {
    if (modifiers.includes(key)) return false;
    if (isTextBox(target)) {
      const leaves = target instanceof HTMLInputElement ? leavingOneLine : leaving;
      this.#areWriting = !leaves.includes(key);
      return false;
    }
    if (moving.includes(key)) this.#areWriting = false;
    const writes = [...key].length === 1 || writing.includes(key);
    return this.#areWriting && writes && !ctrlKey && !metaKey;
  }

  /** The pointer was pressed somewhere. */
  pointed(): void {
    this.#areWriting = false;
  }
}
