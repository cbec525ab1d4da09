/** Which conversations a list shows, and in which order. */
import type { Known } from './desk';

export type Tab = 'waiting' | 'open' | 'closed';
export const tabs: readonly Tab[] = ['waiting', 'open', 'closed'];

export interface Shown {
  tab: Tab;
  /** `null`: all of mine. */
  department: string | null;
  mine: Mine;
  /** The open conversation stays among the waiting ones when it is answered: rows do not vanish under the hand. */
  kept: Kept | null;
}

export interface Kept {
  id: number;
  waiting_since: string;
}

/** Whether a conversation is of the person's own departments: those of others may be read, but tell no news. */
export type Mine = (known: Known) => boolean;

const activity = (known: Known) => known.last_message_at ?? known.created_at;

function isIn({ tab, department, mine, kept }: Shown, known: Known): boolean {
  if (!mine(known)) return false;
  if (department !== null && known.department !== department) return false;
  if (tab === 'closed') return known.status === 'closed';
  return known.status === 'active' && (tab === 'open' || known.waiting_since !== null || known.id === kept?.id);
}

/** Waiting: who has waited longest first. Otherwise: newest activity first. */
export function listed(conversations: Iterable<Known>, shown: Shown): Known[] {
  const list = [...conversations].filter((known) => isIn(shown, known));
  if (shown.tab === 'waiting') {
    const since = ({ id, waiting_since }: Known) => (id === shown.kept?.id ? shown.kept.waiting_since : waiting_since);
    return list.sort((a, b) => compare(since(a) ?? '', since(b) ?? '') || a.id - b.id);
  }
  return list.sort((a, b) => compare(activity(b), activity(a)) || b.id - a.id);
}

/** All times are UTC with milliseconds: the order of the strings is the order of the instants. */
function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/**
 * What a search shows: what matches of all that is known, at once, and what the server found besides. First who is in
 * exactly this room, then in rooms that begin so, then names, then numbers; within each, newest activity first.
 */
export function searched(
  conversations: Iterable<Known>,
  { query, department, found }: { query: string; department: string | null; found: ReadonlySet<number> },
): Known[] {
  const wanted = query.trim().toLocaleLowerCase();
  const ranked: { known: Known; rank: number }[] = [];
  for (const known of conversations) {
    if (department !== null && known.department !== department) continue;
    const rank = rankOf(known, wanted) ?? (found.has(known.id) ? NOT_KNOWN_WHY : null);
    if (rank !== null) ranked.push({ known, rank });
  }
  const newestFirst = (a: Known, b: Known) => compare(activity(b), activity(a)) || b.id - a.id;
  return ranked.sort((a, b) => a.rank - b.rank || newestFirst(a.known, b.known)).map(({ known }) => known);
}

const NOT_KNOWN_WHY = 4;

function rankOf({ guest_info }: Known, wanted: string): number | null {
  const room = guest_info.room_number?.toLocaleLowerCase();
  if (room === wanted) return 0;
  if (room?.startsWith(wanted)) return 1;
  if (guest_info.name.toLocaleLowerCase().includes(wanted)) return 2;
  const digits = wanted.replace(/^\+/u, '');
  return digits !== '' && guest_info.whatsapp_number?.includes(digits) ? 3 : null;
}

export interface Counts {
  /** Conversations with something unread whose guest waits for an answer. */
  unread: number;
  /** Of the department that the list shows. */
  waiting: number;
  /** `unread` by department. */
  byDepartment: Map<string, number>;
}

export function count(conversations: Iterable<Known>, mine: Mine, department: string | null): Counts {
  const counts: Counts = { unread: 0, waiting: 0, byDepartment: new Map() };
  for (const known of conversations) {
    if (known.status !== 'active' || !mine(known)) continue;
    const isShown = department === null || known.department === department;
    if (isShown && known.waiting_since !== null) counts.waiting += 1;
    // What a colleague has answered needs nobody's attention any more, though it is unread.
    if (known.unread_count === 0 || known.waiting_since === null) continue;
    counts.unread += 1;
    counts.byDepartment.set(known.department, (counts.byDepartment.get(known.department) ?? 0) + 1);
  }
  return counts;
}

/** The next conversation with something unread after `current`, around the end. */
export function nextUnread(list: readonly Known[], current: number | null): Known | null {
  const start = list.findIndex((known) => known.id === current) + 1;
  const around = [...list.slice(start), ...list.slice(0, start)];
  return around.find((known) => known.unread_count > 0 && known.id !== current) ?? null;
}
