/** Whether somebody points at a list or moves through it with the arrow keys: its rows then keep their places. */

/** The arrow keys count as in use for so long after the last one, while a row has the focus. */
const KEYS_MS = 10_000;
/** A finger that has left the list is waited for so long. */
const AFTER_TOUCH_MS = 600;

type PointerPlace = Pick<PointerEvent, 'clientX' | 'clientY'>;

export class Holding {
  isPointedAt = $state(false);
  areKeysUsed = $state(false);
  #keysEnd: ReturnType<typeof setTimeout> | undefined;
  #leaving: ReturnType<typeof setTimeout> | undefined;
  /** Where the pointer was last. A list that comes to lie under a pointer at rest is not pointed at. */
  #pointer = { clientX: 0, clientY: 0 };

  /** The pointer moved somewhere in the window. */
  moved({ clientX, clientY }: PointerPlace): void {
    this.#pointer = { clientX, clientY };
  }

  /** The pointer is over the list. */
  pointed({ clientX, clientY }: PointerPlace): void {
    clearTimeout(this.#leaving);
    if (clientX !== this.#pointer.clientX || clientY !== this.#pointer.clientY) this.isPointedAt = true;
  }

  /** The pointer has left the list. */
  left({ pointerType }: Pick<PointerEvent, 'pointerType'>): void {
    clearTimeout(this.#leaving);
    // The click of a tap comes after the finger has left.
    if (pointerType === 'touch') this.#leaving = setTimeout(() => (this.isPointedAt = false), AFTER_TOUCH_MS);
    else this.isPointedAt = false;
  }

  keysUsed(): void {
    this.areKeysUsed = true;
    clearTimeout(this.#keysEnd);
    this.#keysEnd = setTimeout(() => (this.areKeysUsed = false), KEYS_MS);
  }
}
