/** How long a guest has waited for an answer, and how bad that is. */
export type Urgency = 'fresh' | 'late' | 'overdue';

const MINUTE_MS = 60_000;

export interface Wait {
  urgency: Urgency;
  /** `2:10`, `1:02:10`, or `3d 4h`. */
  clock: string;
  minutes: number;
}

export function waitOf(since: string, now: number): Wait {
  const ms = Math.max(0, now - Date.parse(since));
  const minutes = Math.floor(ms / MINUTE_MS);
  const urgency = minutes >= 15 ? 'overdue' : minutes >= 5 ? 'late' : 'fresh';
  return { urgency, clock: clock(Math.floor(ms / 1000)), minutes };
}

function clock(seconds: number): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const hours = Math.floor(seconds / 3600);
  if (hours >= 24) return `${Math.floor(hours / 24)}d ${hours % 24}h`;
  const minutes = Math.floor(seconds / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}
