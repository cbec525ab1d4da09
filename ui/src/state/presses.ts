/**
 * Which presses count. Pressing often changes what is there: a list scrolls, a line about one guest becomes a line about
 * another, a button is gone and the row beneath has its place or the focus. The second press of a double click, or of a
 * key that was pressed twice, then meets something that the person has not seen. Such a press does nothing.
 */
import { isTextBox, rowOf } from './keys';

/** Two presses belong together within this time. */
const TOGETHER_MS = 500;
/** Two clicks are at the same place within these distances, in pixels: a finger is less exact than a mouse. */
const NEAR_MOUSE_PX = 16;
const NEAR_TOUCH_PX = 40;

/** For so long, what has changed its place or its meaning is not what a finger on its way there was meant for. */
export const SETTLES_MS = 400;

/** When a press last began, in milliseconds: a finger that rests on a row has aimed at what was there before. */
export const lastPress = { beganAt: -Infinity };

const controls = 'button, a[href], summary, [role="tab"], [role="option"], [data-conversation]';

interface Press {
  at: number;
  /** The key, or where the click was. */
  by: string | { x: number; y: number; reach: number };
  control: Element | null;
  /** The guest whom the control was about. */
  about: string;
}

export class Presses {
  readonly #now: () => number;
  #last: Press | null = null;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Whether a click counts. A key that presses a button causes a click, too: `pressed` has decided about that one. */
  clicked(event: Pick<MouseEvent, 'target' | 'clientX' | 'clientY' | 'detail'> & { pointerType?: string }): boolean {
    if (event.detail === 0) return true;
    const reach = event.pointerType === 'touch' ? NEAR_TOUCH_PX : NEAR_MOUSE_PX;
    return this.#counts({ x: event.clientX, y: event.clientY, reach }, event.target);
  }

  /** Whether a key counts that presses what has the focus, or is a command for it. */
  pressed({ key, target }: Pick<KeyboardEvent, 'key' | 'target'>): boolean {
    const presses = key === 'Enter' || [...key].length === 1;
    if (presses && !isTextBox(target)) return this.#counts(key, target);
    this.#last = null;
    return true;
  }

  #counts(by: Press['by'], target: EventTarget | null): boolean {
    const last = this.#last;
    const control = target instanceof Element ? target.closest(controls) : null;
    const press = { at: this.#now(), by, control, about: aboutOf(control) };
    const isSame = control === last?.control && press.about === last?.about;
    if (!last || control === null || isSame || press.at - last.at > TOGETHER_MS || !isTogether(last.by, by)) {
      this.#last = press;
      return true;
    }
    // A third press belongs to the first one, too.
    this.#last = { ...last, at: press.at };
    return false;
  }
}

function isTogether(first: Press['by'], second: Press['by']): boolean {
  if (typeof first === 'string' || typeof second === 'string') return first === second;
  return Math.hypot(first.x - second.x, first.y - second.y) <= second.reach;
}

function aboutOf(control: Element | null): string {
  const about = control?.closest('[data-about]')?.getAttribute('data-about');
  return about ?? String(rowOf(control) ?? '');
}
