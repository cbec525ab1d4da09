import { beforeEach, describe, expect, it } from 'vitest';
import { KeyReader, placeOf, rowOf, type Key, type Meaning, type Situation } from './keys';

let now = 0;
let keys = new KeyReader(() => now);

beforeEach(() => {
  now = 10_000;
  keys = new KeyReader(() => now);
});

const key = (name: string, change: Partial<Key> & { altGraph?: boolean } = {}): Key => ({
  key: name,
  code: '',
  keyCode: 0,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  shiftKey: false,
  repeat: false,
  isComposing: false,
  getModifierState: (modifier) => modifier === 'AltGraph' && change.altGraph === true,
  ...change,
});

const base: Situation = { place: 'row', isOpenRow: false, isOpen: true, letterCommands: true };
const read = (name: string | Key, change: Partial<Situation> = {}): Meaning | null =>
  keys.read(typeof name === 'string' ? key(name) : name, { ...base, ...change });
/** Action, `text`, `ignored`, or `null`. */
const what = (name: string | Key, change: Partial<Situation> = {}) => {
  const meaning = read(name, change);
  return meaning?.kind === 'command' ? meaning.action : (meaning?.kind ?? null);
};

describe('a printable key', () => {
  it.each(['Y', 'e', 'j', '/', '?', '1', 'é', 'л', '請', '€'])(
    'goes into the answer box from the page and the log: %s',
    (name) => {
      expect(what(name, { place: 'page' })).toBe('text');
      expect(what(name, { place: 'log' })).toBe('text');
    },
  );

  it('goes there with AltGr, too, also where the system says Ctrl and Alt', () => {
    expect(what(key('@', { altGraph: true }), { place: 'log' })).toBe('text');
    expect(what(key('€', { altGraph: true, ctrlKey: true, altKey: true }), { place: 'page' })).toBe('text');
    // Option on a Mac.
    expect(what(key('å', { altKey: true }), { place: 'page' })).toBe('text');
    expect(what(key('Dead'), { place: 'log' })).toBe('text');
  });

  it('keeps its normal function with Ctrl, Alt or the system key, and so does Space', () => {
    for (const change of [{ ctrlKey: true }, { altKey: true }, { metaKey: true }]) {
      expect(what(key('c', change), { place: 'page' })).toBeNull();
    }
    expect(what(' ', { place: 'page' })).toBeNull();
    expect(what(' ', { place: 'log' })).toBeNull();
    expect(what(' ', { place: 'row' })).toBeNull();
  });

  it('keeps its normal function on a button, link, tab or menu, and in a text box', () => {
    for (const place of ['control', 'text', 'line'] as const) {
      for (const name of ['e', 'Y', '/', '1', '?']) expect(what(name, { place })).toBeNull();
    }
    for (const name of ['e', 'Y', '1', ' ']) expect(what(name, { place: 'tab' })).toBeNull();
  });

  it('finds and helps on a tab, unless it is part of a sentence', () => {
    for (const isOpen of [true, false]) {
      now += 1_001;
      const on = { place: 'tab', isOpen } as const;
      expect([what('?', on), what('/', on)]).toEqual(['help', 'search']);
      expect(what('?', { ...on, letterCommands: false })).toBeNull();
      now += 1_001;
      expect([what('s', on), what('?', on), what('/', on)]).toEqual([null, null, null]);
    }
  });
});

describe('single-letter commands', () => {
  it('work on a row only', () => {
    expect(['j', 'k', 'r', 'e', 'u', 'n', 't', '/', '?'].map((name) => what(name))).toEqual([
      'down',
      'up',
      'reply',
      'close',
      'longest_wait',
      'new',
      'transfer',
      'search',
      'help',
    ]);
    expect(read('3')).toEqual({ kind: 'command', action: 'department', number: 3 });
    expect(what('e', { place: 'page', isOpen: false })).toBeNull();
  });

  it('of signs and figures work on the page, too, while no conversation is open', () => {
    const place = { place: 'page', isOpen: false } as const;
    expect(['/', '?', '2'].map((name) => what(name, place))).toEqual(['search', 'help', 'department']);
  });

  it('can be switched off', () => {
    const off = { letterCommands: false };
    for (const name of ['e', 'u', '1', '/', '?']) expect(what(name, off)).toBe('ignored');
    expect(what('e', { ...off, isOpenRow: true })).toBe('text');
    expect(what('ArrowDown', off)).toBe('down');
    expect(what(key('k', { ctrlKey: true }), off)).toBe('palette');
  });

  it('are not meant by a capital letter, except with Caps Lock', () => {
    expect(what(key('E', { shiftKey: true }))).toBe('ignored');
    now += 2_000;
    expect(what('E')).toBe('close');
  });

  it('are not repeated by a key that is held down, except for moving', () => {
    expect(what(key('e', { repeat: true }))).toBe('ignored');
    now += 2_000;
    expect(what(key('j', { repeat: true }))).toBe('down');
  });
});

describe('text that goes on', () => {
  it('makes letters text for 1 s after a character that is no command', () => {
    expect(what('Y')).toBe('ignored');
    now += 900;
    expect(what('e')).toBe('ignored');
    now += 900;
    expect(what('s')).toBe('ignored');
    now += 1_000;
    expect(what('e')).toBe('close');
  });

  it('goes into the answer box from the row of the open conversation', () => {
    expect(what('Y', { isOpenRow: true })).toBe('text');
    expect(what('e', { isOpenRow: true })).toBe('text');
  });

  it('opens and closes nothing when the box is gone from under somebody who writes', () => {
    expect(what('u', { place: 'text' })).toBeNull();
    now += 200;
    expect(what('e')).toBe('ignored');
    expect(what(' ')).toBe('ignored');
    expect(what('Enter')).toBe('ignored');
  });

  it.each([
    ['Escape', 'text'],
    ['Tab', 'text'],
    ['ArrowDown', 'row'],
    ['Enter', 'line'],
    ['ArrowDown', 'line'],
  ] as const)('ends by %s (%s)', (name, place) => {
    read('x', { place: place === 'row' ? 'text' : place });
    read(name, { place });
    expect(what('e')).toBe('close');
  });

  it('ends by the pointer', () => {
    read('x', { place: 'text' });
    keys.pointed();
    expect(what('e')).toBe('close');
  });

  it('goes on over arrows and Enter in a box of several lines', () => {
    for (const name of ['ArrowUp', 'Enter']) {
      read('x', { place: 'text' });
      read(name, { place: 'text' });
      expect(what('e')).toBe('ignored');
    }
  });
});

describe('a layout that is not Latin', () => {
  it('counts by the position of the key', () => {
    expect(what(key('л', { code: 'KeyK', ctrlKey: true }), { place: 'text' })).toBe('palette');
    expect(what(key('т', { code: 'KeyN' }))).toBe('new');
    expect(what(key('ث', { code: 'KeyE' }))).toBe('close');
    expect(what(key('่', { code: 'KeyJ' }))).toBe('down');
    expect(read(key('٣', { code: 'Digit3' }))).toEqual({ kind: 'command', action: 'department', number: 3 });
  });

  it('does not change what an ASCII letter or a sign means', () => {
    // Dvorak: the K is where others have the V, and the full stop where they have the E.
    expect(what(key('k', { code: 'KeyV', ctrlKey: true }))).toBe('palette');
    expect(what(key('t', { code: 'KeyK', ctrlKey: true }))).toBeNull();
    expect(what(key('.', { code: 'KeyE' }))).toBe('ignored');
  });
});

describe('other keys', () => {
  it('belong to the input method while it composes', () => {
    expect(what(key('e', { isComposing: true }))).toBeNull();
    expect(what(key('Escape', { keyCode: 229 }), { place: 'text' })).toBeNull();
  });

  it('go back and open commands from everywhere', () => {
    for (const place of ['text', 'line', 'row', 'tab', 'control', 'log', 'page'] as const) {
      expect(what('Escape', { place })).toBe('back');
      expect(what(key('k', { ctrlKey: true }), { place })).toBe('palette');
      expect(what(key('k', { metaKey: true }), { place })).toBe('palette');
    }
  });

  it('move through the list, but scroll the log and stay in text', () => {
    expect(what('ArrowUp')).toBe('up');
    expect(what('ArrowDown', { place: 'page' })).toBe('down');
    for (const place of ['text', 'line', 'log'] as const) expect(what('ArrowDown', { place })).toBeNull();
  });
});

it('tells where the focus is', () => {
  document.body.innerHTML = `
    <div role="list"><button data-conversation="12"><span id="row"></span></button></div>
    <div role="log" tabindex="0" id="log"><p id="message"></p><a href="/x" id="link"></a></div>
    <button role="tab" id="tab"></button><textarea id="text"></textarea><input id="line" />
    <select id="select"></select><section tabindex="-1" id="section"></section>`;
  const at = (id: string) => placeOf(document.getElementById(id));
  expect(['row', 'log', 'message', 'link', 'tab', 'text', 'line', 'select', 'section'].map(at)).toEqual([
    'row',
    'log',
    'log',
    'control',
    'tab',
    'text',
    'line',
    'text',
    'page',
  ]);
  expect(placeOf(document.body)).toBe('page');
  expect(rowOf(document.getElementById('row'))).toBe(12);
  expect(rowOf(document.body)).toBeNull();
});
