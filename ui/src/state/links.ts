/** Web addresses in what guests write. Nothing else becomes a link, and a link leads where one reads that it does. */
import { find } from 'linkifyjs';

export interface Part {
  text: string;
  /** Where it leads; `null`: it is only text. */
  href: string | null;
}

/**
 * Punctuation beyond ASCII, after which no address goes on: as in Chinese, Japanese and Arabic texts, which put no space
 * before it, and closing quotation marks. Dashes may be part of an address, and linkify decides about ASCII.
 */
const endings = /(?=[\p{Po}\p{Pi}\p{Pf}\p{Ps}\p{Pe}])(?=\P{ASCII})/u;

/** The text in pieces; joined they are the text. */
export function partsOf(text: string): Part[] {
  // Most texts have none: looking closer would cost something while scrolling.
  if (!text.includes('://')) return [{ text, href: null }];
  const parts: Part[] = [];
  let plain = '';
  for (const piece of text.split(endings)) {
    let at = 0;
    for (const { value, start, end } of find(piece, 'url')) {
      if (!isPlain(value)) continue;
      plain += piece.slice(at, start);
      if (plain !== '') parts.push({ text: plain, href: null });
      plain = '';
      parts.push({ text: value, href: value });
      at = end;
    }
    plain += piece.slice(at);
  }
  if (plain !== '') parts.push({ text: plain, href: null });
  return parts;
}

/**
 * Whether an address says itself where it leads: `https://` or `http://`, no user name before the host, no letters that
 * look like others, nothing invisible that turns the order of what is read around.
 */
function isPlain(address: string): boolean {
  const [, host] = /^https?:\/\/([^/?#\\]+)/iu.exec(address) ?? [];
  if (host === undefined || /[\p{C}\p{Z}]/u.test(address)) return false;
  try {
    return new URL(address).host === host.toLowerCase();
  } catch {
    return false;
  }
}
