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

export interface Counts {
  unread: number;
  waiting: number;
  /** Conversations with something unread, by department. */
  byDepartment: Map<string, number>;
}

export function count(conversations: Iterable<Known>, mine: Mine): Counts {
  const counts: Counts = { unread: 0, waiting: 0, byDepartment: new Map() };
  for (const known of conversations) {
    if (known.status !== 'active' || !mine(known)) continue;
    if (known.waiting_since !== null) counts.waiting += 1;
    if (known.unread_count === 0) continue;
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
