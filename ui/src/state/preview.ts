/** The last message of a conversation on one line, as the server shortens it (`client-cases/preview.json`). */

/** Most code points of a preview, the final `…` included. */
const MOST = 100;

/** One line of at most 100 code points. A longer text is cut between graphemes and ends in `…`. */
export function preview(content: string): string {
  const line = content.replace(/\p{White_Space}+/gu, ' ').replace(/^ | $/gu, '');
  // No text has more code points than code units.
  if (line.length <= MOST) return line;
  const characters = [...line];
  if (characters.length <= MOST) return line;
  // A grapheme of hundreds of code points is cut, too: otherwise nothing would be left.
  const start = graphemesWithin(line, MOST - 1) || characters.slice(0, MOST - 1).join('');
  return `${start.trimEnd()}…`;
}

/** The longest beginning of whole graphemes that has at most `most` code points. */
export function graphemesWithin(line: string, most: number): string {
  return typeof Intl.Segmenter === 'function' ? segmented(line, most) : unsegmented(line, most);
}

let segmenter: Intl.Segmenter | undefined;

function segmented(line: string, most: number): string {
  segmenter ??= new Intl.Segmenter('und', { granularity: 'grapheme' });
  let count = 0;
  for (const { segment, index } of segmenter.segment(line)) {
    count += [...segment].length;
    if (count > most) return line.slice(0, index);
  }
  return line;
}

const ZERO_WIDTH_JOINER = '\u200d';
/** What belongs to the character before it. */
const joinsBefore = /^[\p{Mark}\p{Emoji_Modifier}\u200d\u{e0020}-\u{e007f}]$/u;
const regionalIndicator = /^\p{Regional_Indicator}$/u;

/** For browsers without `Intl.Segmenter`: keeps emoji, flags and accents whole. */
export function unsegmented(line: string, most: number): string {
  const characters = [...line];
  if (characters.length <= most) return line;
  let end = most;
  while (end > 0 && !isBoundary(characters, end)) end -= 1;
  return characters.slice(0, end).join('');
}

/** Whether a grapheme ends before the character at `end`. */
function isBoundary(characters: readonly string[], end: number): boolean {
  const before = characters[end - 1] ?? '';
  const after = characters[end] ?? '';
  if (joinsBefore.test(after) || before === ZERO_WIDTH_JOINER) return false;
  if (!regionalIndicator.test(after)) return true;
  // A flag is a pair: an even number of halves before this one means that the pair is complete.
  let halves = 0;
  while (regionalIndicator.test(characters[end - 1 - halves] ?? '')) halves += 1;
  return halves % 2 === 0;
}
