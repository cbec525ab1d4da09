/** Web addresses in what guests write. Nothing else becomes a link, and a link leads where one reads that it does. */
import { find } from 'linkifyjs';

export interface Part {
  text: string;
  /** Where it leads; `null`: it is only text. */
  href: string | null;
}

/** The text in pieces; joined they are the text. */
export function partsOf(text: string): Part[] {
  // Most texts have none: looking closer would cost something while scrolling.
  if (!text.includes('://')) return [{ text, href: null }];
  const parts: Part[] = [];
  let at = 0;
  for (const { value, start, end } of find(text, 'url')) {
    if (!isPlain(value)) continue;
    if (start > at) parts.push({ text: text.slice(at, start), href: null });
    parts.push({ text: value, href: value });
    at = end;
  }
  if (at < text.length) parts.push({ text: text.slice(at), href: null });
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
