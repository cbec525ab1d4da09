/** How long a guest has waited for an answer, and how urgent that is. */
import { t } from '../i18n';

export type Urgency = 'fresh' | 'late' | 'overdue';

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
/** Amber, in minutes. */
export const LATE_AFTER = 5;
/** Red, in minutes. */
export const OVERDUE_AFTER = 15;

export interface Wait {
  urgency: Urgency;
  /** Seconds within the first minute, then minutes, hours, days: `0:42`, `12 min`, `2 h 5 min`, `3 d 4 h`. */
  short: string;
  minutes: number;
}

export function waitOf(since: string, now: number): Wait {
  const ms = Math.max(0, now - Date.parse(since));
  const minutes = Math.floor(ms / MINUTE_MS);
  const urgency = minutes >= OVERDUE_AFTER ? 'overdue' : minutes >= LATE_AFTER ? 'late' : 'fresh';
  return { urgency, short: short(ms), minutes };
}

function short(ms: number): string {
  const seconds = Math.floor(ms / SECOND_MS);
  if (seconds < 60) return `0:${String(seconds).padStart(2, '0')}`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return t('waiting.minutes', { minutes });
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return t('waiting.hours', { hours, minutes: minutes % 60 });
  return t('waiting.days', { days: Math.floor(hours / 24), hours: hours % 24 });
}
