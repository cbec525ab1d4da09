/** Keeps what people wrote from turning a sentence around it. */

/** Letters that run from right to left, and characters that set a direction. */
const TURNS =
  /[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/** Characters that begin a part with a direction of its own, and the one that ends it. */
const ISOLATES = /[\u2066-\u2069]/gu;
const END = '\u2069';

/**
 * A text for a place in a plain sentence: between U+2068 and U+2069 where it could turn what follows, else as it is. In
 * HTML, `<bdi>` does the same for a text that stands alone.
 */
export function isolated(text: string): string {
  if (!TURNS.test(text)) return text;
  // One that is not balanced would end the part around it, or go on behind it.
  return `\u2068${isBalanced(text) ? text : text.replaceAll(ISOLATES, '')}${END}`;
}

function isBalanced(text: string): boolean {
  let open = 0;
  for (const [char] of text.matchAll(ISOLATES)) {
    open += char === END ? -1 : 1;
    if (open < 0) return false;
  }
  return open === 0;
}
