/** Line breaks as they come from every system: CR, CR LF, NEL, and Unicode's line and paragraph separators. */
const lineBreak = /\r\n?|[\u0085\u2028\u2029]/gu;

/** The text with every line break as LF, the only one that a browser shows as one. */
export function withLineFeeds(text: string): string {
  return text.replace(lineBreak, '\n');
}
