/** Keys that an input method takes, such as the Enter that picks a Japanese word. */

/** The code of every key that an input method has taken. */
const TAKEN = 229;

type Key = Pick<KeyboardEvent, 'isComposing' | 'keyCode'>;

/**
 * Whether an input method has taken the key, so that it does nothing else. WebKit ends the composition before it sends
 * the key that ended it: then `isComposing` is false, and only the key code says so.
 */
export function isComposed({ isComposing, keyCode }: Key): boolean {
  return isComposing || keyCode === TAKEN;
}

/** For the capture phase of the window: no part of the page gets such a key, and no form is sent by it. */
export function stopComposed(event: KeyboardEvent): void {
  if (!isComposed(event)) return;
  event.stopPropagation();
  // In a text box of one line, Enter would send the form.
  if (event.key === 'Enter' && event.target instanceof HTMLInputElement) event.preventDefault();
}
