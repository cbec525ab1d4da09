import { expect, it, vi } from 'vitest';
import { isComposed, stopComposed } from './composition';

const enter = (init: KeyboardEventInit & { keyCode: number }) =>
  new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true, ...init });

it('sees an Enter that ends a composition, in the order of Chromium and in that of WebKit', () => {
  expect(isComposed(enter({ keyCode: 229, isComposing: true }))).toBe(true);
  expect(isComposed(enter({ keyCode: 229, isComposing: false }))).toBe(true);
  expect(isComposed(enter({ keyCode: 13, isComposing: true }))).toBe(true);
  expect(isComposed(enter({ keyCode: 13 }))).toBe(false);
});

it('keeps such an Enter from the page and from the form', () => {
  const box = document.createElement('input');
  document.body.append(box);
  const received = vi.fn();
  box.addEventListener('keydown', received);
  window.addEventListener('keydown', stopComposed, { capture: true });
  const composed = enter({ keyCode: 229 });
  box.dispatchEvent(composed);
  expect(received).not.toHaveBeenCalled();
  expect(composed.defaultPrevented).toBe(true);
  const real = enter({ keyCode: 13 });
  box.dispatchEvent(real);
  expect(received).toHaveBeenCalledOnce();
  expect(real.defaultPrevented).toBe(false);
  window.removeEventListener('keydown', stopComposed, { capture: true });
});
