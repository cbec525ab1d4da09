/** Which conversations a list shows, and in which order. */
import type { Known } from './desk';
import { notReached } from './delivery';
import { matchOf, queryOf } from './search';

export type Tab = 'waiting' | 'open' | 'closed' | 'not_reached' | 'transferred';
/** Those that are always offered; the others are when there is something in them. */
export const tabs: readonly Tab[] = ['waiting', 'open', 'closed'];

export interface Shown {
  tab: Tab;
  /** `null`: all of mine. */
  department: string | null;
  mine: Mine;
  /** The open conversation stays among the waiting ones when it is answered: rows do not vanish under the hand. */
  kept: Kept | null;
  /** Closed conversations are read down to this activity: of older ones, only some may be known. */
  closedTo?: string;
  /** The server's time. */
  now?: number;
}

export interface Kept {
  id: number;
  waiting_since: string;
}

/** Whether a conversation is of the person's own departments: those of others may be read, but tell no news. */
export type Mine = (known: Known) => boolean;

const activity = (known: Known) => known.last_message_at ?? known.created_at;

function isIn(shown: Shown, known: Known): boolean {
  const { tab, department, mine, kept, closedTo = '', now = 0 } = shown;
  if (tab === 'transferred') return known.read_only === true;
  if (!mine(known)) return false;
  if (department !== null && known.department !== department) return false;
  if (tab === 'closed') return known.status === 'closed' && activity(known) >= closedTo;
  // A state of a later version is not closed.
  if (known.status === 'closed') return false;
  if (tab === 'not_reached') return notReached(known, now) !== null;
  return tab === 'open' || known.waiting_since !== null || known.id === kept?.id;
}

/** Waiting, and not reached: who has waited longest first. Otherwise: newest activity first. */
export function listed(conversations: Iterable<Known>, shown: Shown): Known[] {
  const list = [...conversations].filter((known) => isIn(shown, known));
  if (shown.tab === 'waiting') {
    const since = ({ id, waiting_since }: Known) => (id === shown.kept?.id ? shown.kept.waiting_since : waiting_since);
    return list.sort((a, b) => compare(since(a) ?? '', since(b) ?? '') || a.id - b.id);
  }
  if (shown.tab === 'not_reached') {
    return list.sort((a, b) => compare(a.undelivered_since ?? '', b.undelivered_since ?? '') || a.id - b.id);
  }
  return list.sort((a, b) => compare(activity(b), activity(a)) || b.id - a.id);
}

/** All times are UTC with milliseconds: the order of the strings is the order of the instants. */
function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** What the rows of a list are sorted by. */
export function sortKeyOf(tab: Tab): (known: Known) => string | null {
  if (tab === 'waiting') return ({ waiting_since }) => waiting_since;
  return tab === 'not_reached' ? ({ undelivered_since }) => undelivered_since : activity;
}

export interface Search {
  query: string;
  department: string | null;
  /** What the server found. */
  found: ReadonlySet<number>;
}

/**
 * What a search finds: what matches of all that this desk knows, and what the server found besides. First the guests in
 * exactly this room, then in rooms that begin so, then names, then numbers; within each, newest activity first.
 */
export function searched(conversations: Iterable<Known>, { query, department, found }: Search): Known[] {
  const wanted = queryOf(query);
  const ranked: { known: Known; rank: number }[] = [];
  for (const known of conversations) {
    if (department !== null && known.department !== department) continue;
    const rank = matchOf(known, wanted)?.rank ?? (found.has(known.id) ? NOT_KNOWN_WHY : null);
    if (rank !== null) ranked.push({ known, rank });
  }
  const newestFirst = (a: Known, b: Known) => compare(activity(b), activity(a)) || b.id - a.id;
  return ranked.sort((a, b) => a.rank - b.rank || newestFirst(a.known, b.known)).map(({ known }) => known);
}

const NOT_KNOWN_WHY = 4;

/** The newest activity of all: what is later than this has happened since. */
export function newestActivity(conversations: Iterable<Known>): string {
  let newest = '';
  for (const known of conversations) if (activity(known) > newest) newest = activity(known);
  return newest;
}

/** The guests who have written since then, and wait for an answer; the newest first. */
export function wroteSince(conversations: Iterable<Known>, since: string, mine: Mine): Known[] {
  const hasWritten = (known: Known) =>
    known.status !== 'closed' && known.waiting_since !== null && activity(known) > since && mine(known);
  return [...conversations].filter(hasWritten).sort((a, b) => compare(activity(b), activity(a)) || b.id - a.id);
}

/** Results keep their places, whatever happens to them; what is found later stands below. */
export function keepOrder(before: readonly number[], found: readonly Known[], known: ReadonlyMap<number, Known>) {
  const placed = new Set(before);
  const kept = before.map((id) => known.get(id)).filter((each) => each !== undefined);
  return [...kept, ...found.filter(({ id }) => !placed.has(id))];
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
    if (known.status === 'closed' || !mine(known)) continue;
    const isShown = department === null || known.department === department;
    if (isShown && known.waiting_since !== null) counts.waiting += 1;
    // What a colleague has answered needs nobody's attention any more, though it is unread.
    if (known.unread_count === 0 || known.waiting_since === null) continue;
    counts.unread += 1;
    counts.byDepartment.set(known.department, (counts.byDepartment.get(known.department) ?? 0) + 1);
  }
  return counts;
}

/** The active conversation, other than `current`, whose guest has waited longest; the older one where two are equal. */
export function longestWait(conversations: Iterable<Known>, mine: Mine, current: number | null): Known | null {
  let longest: Known | null = null;
  for (const known of conversations) {
    if (known.status !== 'active' || known.waiting_since === null || known.id === current || !mine(known)) continue;
    const order = longest ? compare(known.waiting_since, longest.waiting_since ?? '') || known.id - longest.id : -1;
    if (order < 0) longest = known;
  }
  return longest;
}
