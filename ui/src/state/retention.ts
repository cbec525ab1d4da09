/** How long closed conversations are kept, and what happens to them then. */
import type { RetentionKind } from '../protocol/RetentionKind';

export interface Retention {
  /** `null`: they are kept. */
  days: number | null;
  kind: RetentionKind;
}

export function isSame(one: Retention, other: Retention): boolean {
  return one.days === other.days && (one.days === null || one.kind === other.kind);
}

/** Whether `after` removes something that `before` keeps. */
export function isStricter(before: Retention, after: Retention): boolean {
  if (after.days === null) return false;
  if (before.days === null || after.days < before.days) return true;
  return before.kind === 'anonymise' && after.kind === 'delete';
}
