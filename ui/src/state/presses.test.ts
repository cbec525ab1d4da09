import { beforeEach, describe, expect, it } from 'vitest';
import { Presses } from './presses';

describe('presses', () => {
  let now = 0;
  let presses: Presses;
  const find = (selector: string): Element => {
    const element = document.querySelector(selector);
    if (!element) throw new Error(`no ${selector}`);
    return element;
  };
  const click = (selector: string, more: { clientX?: number; pointerType?: string; detail?: number } = {}) =>
    presses.clicked({ target: find(selector), clientX: 100, clientY: 50, detail: 1, ...more });
  const key = (selector: string, pressed: string) => presses.pressed({ target: find(selector), key: pressed });

  beforeEach(() => {
    now = 0;
    presses = new Presses(() => now);
    document.body.innerHTML = `
      <section data-about="7"><button id="open">Open</button><button id="silence">Silence</button></section>
      <button id="row" data-conversation="8">408</button><button id="other" data-conversation="9">409</button>
      <p id="text">Hello</p><textarea></textarea>`;
  });

  it('a double click that meets another control the second time acts once', () => {
    expect(click('#open')).toBe(true);
    now = 180;
    expect(click('#row')).toBe(false);
    // A third click belongs to them.
    now = 360;
    expect(click('#row')).toBe(false);
    now = 900;
    expect(click('#row')).toBe(true);
  });

  it('the same button that is about another guest by now is another control', () => {
    expect(click('#open')).toBe(true);
    find('section').setAttribute('data-about', '12');
    now = 120;
    expect(click('#open')).toBe(false);
  });

  it('the same control may be pressed twice, another one elsewhere at once, and text may be marked by a double click', () => {
    expect(click('#row')).toBe(true);
    now = 100;
    expect(click('#row')).toBe(true);
    now = 200;
    expect(click('#other', { clientX: 140 })).toBe(true);
    now = 300;
    expect(click('#text', { clientX: 140 })).toBe(true);
  });

  it('a finger is less exact than a mouse', () => {
    expect(click('#open', { pointerType: 'touch' })).toBe(true);
    now = 200;
    expect(click('#row', { clientX: 130, pointerType: 'touch' })).toBe(false);
  });

  it('a key that is pressed twice does not act on what has the focus by then', () => {
    for (const pressed of ['Enter', ' ', 'e']) {
      now += 10_000;
      expect(key('#row', pressed)).toBe(true);
      now += 180;
      expect(key('#other', pressed), pressed).toBe(false);
      now += 600;
      expect(key('#other', pressed)).toBe(true);
    }
  });

  it('other keys, keys in a text, and the click of a key that counted all count', () => {
    expect(key('#row', 'e')).toBe(true);
    now = 50;
    expect(key('#other', 'ArrowDown')).toBe(true);
    expect(key('#other', 'e')).toBe(true);
    expect(key('textarea', 'e')).toBe(true);
    expect(key('textarea', 'Enter')).toBe(true);
    expect(key('#row', 'Enter')).toBe(true);
    expect(click('#row', { detail: 0 })).toBe(true);
  });
});
