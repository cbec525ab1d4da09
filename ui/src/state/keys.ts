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
