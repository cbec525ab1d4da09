/** Conversations whose guests wait, and when each is due again. */
import type { Conversation } from '../../protocol/Conversation';
import type { Pause } from '../types';
import type { About } from './signals';

const MINUTE = 60_000;
/** A guest who has waited for so long is shown in amber, and is signalled again and again. */
export const AMBER = 5 * MINUTE;
/** A guest who has waited for so long is shown in red. */
export const RED = 15 * MINUTE;

export interface Wait {
  about: About;
  since: number;
  /** When the newest message came. */
  lastAt: number;
  lastMessageId: number | null;
  isUnread: boolean;
  signalledAt: number | null;
  /** It would have been signalled, but for a pause. */
  wasHeldByPause: boolean;
  /** No repeats before: the person opened it. */
  heldUntil: number;
  /** No repeats before: somebody types an answer. */
  typedUntil: number;
}

/** When a wait has to be signalled again. `period`: between repeats; `null`: never. */
export function dueAgain(
  wait: Wait,
  pause: Pause | null,
  period: number | null,
  soundsPastRed: boolean,
): number | null {
  const without = dueWithoutPause(wait, period);
  if (!pause) return without;
  const afterwards = pause.until === null || without === null ? null : Math.max(without, pause.until);
  return earliest([afterwards, soundsPastRed ? duePastRed(wait, period) : null]);
}

function dueWithoutPause({ since, signalledAt, wasHeldByPause }: Wait, period: number | null): number | null {
  if (wasHeldByPause) return since;
  const red = since + RED;
  // The red limit is signalled when it is passed, whatever was signalled shortly before, and also without repeats.
  const next = signalledAt === null || signalledAt < red ? red : null;
  if (period === null) return next;
  if (signalledAt === null) return since + AMBER;
  return earliest([Math.max(since + AMBER, signalledAt + period), next]);
}

/** During a pause: once when the red limit is passed, and then as often as without a pause. */
function duePastRed({ since, signalledAt }: Wait, period: number | null): number | null {
  const red = since + RED;
  if (signalledAt === null || signalledAt < red) return red;
  return period === null ? null : signalledAt + period;
}

export function signalled(wait: Wait, now: number): void {
  wait.signalledAt = now;
  wait.wasHeldByPause = false;
}

export function newWait(about: About, since: number): Wait {
  return {
    about: { ...about, waiting_since: since },
    since,
    lastAt: since,
    lastMessageId: null,
    isUnread: true,
    signalledAt: null,
    wasHeldByPause: false,
    heldUntil: -Infinity,
    typedUntil: -Infinity,
  };
}

/** As a list shows it, with what was known of it before. */
export function listedWait(conversation: Conversation, since: number, known: Wait | undefined): Wait {
  const { id, guest_info, department, last_message_preview, last_message_at, unread_count } = conversation;
  const about: About = {
    conversation_id: id,
    guest_name: guest_info.name,
    room_number: guest_info.room_number,
    department,
    preview: last_message_preview,
    waiting_since: since,
  };
  const wait = { ...(known ?? newWait(about, since)), about, since, isUnread: unread_count > 0 };
  wait.lastAt = last_message_at === null ? since : Date.parse(last_message_at);
  if (known && known.lastAt !== wait.lastAt) wait.lastMessageId = null;
  return wait;
}

export function longestFirst(a: Wait, b: Wait): number {
  return a.since - b.since || a.about.conversation_id - b.about.conversation_id;
}

export function earliest(times: readonly (number | null)[]): number | null {
  const known = times.filter((time) => time !== null);
  // A spread of thousands of arguments would be too many.
  return known.length === 0 ? null : known.reduce((a, b) => Math.min(a, b));
}

/** Sets an entry as the newest one, and forgets the oldest beyond `most`. */
export function keep<V>(map: Map<number, V>, id: number, value: V, most: number): void {
  map.delete(id);
  map.set(id, value);
  const [oldest] = map.keys();
  if (map.size > most && oldest !== undefined) map.delete(oldest);
}
