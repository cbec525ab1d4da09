/** How far a message has come on its way to the guest, as the screen says it. */
import { en } from '../i18n/en';
import { t } from '../i18n';
import type { Delivery } from '../protocol/Delivery';
import type { Message } from '../protocol/Message';
import type { Known } from './desk';

/** A message that is still only stored after so long is *not delivered yet*. */
export const NOT_YET_MS = 2 * 60_000;

export type Outcome = 'sent' | 'not_yet' | 'delivered' | 'read' | 'not_delivered';

/** `now`: the server's time. */
export function outcomeOf({ delivery, created_at, is_read }: Message, now: number): Outcome {
  switch (delivery?.state) {
    case 'failed':
    case 'none':
      return 'not_delivered';
    case 'read':
      return 'read';
    case 'delivered':
      return is_read ? 'read' : 'delivered';
    case 'stored':
      if (now - Math.max(Date.parse(created_at), Date.parse(delivery.at)) >= NOT_YET_MS) return 'not_yet';
      return 'sent';
    default:
      return is_read ? 'read' : 'sent';
  }
}

type Reason = keyof typeof en.delivery_reason;
const isReason = (code: string): code is Reason => Object.hasOwn(en.delivery_reason, code);

/** Why it has not arrived: in the screen's words, or in the server's where the code is not known here. */
export function reasonOf(delivery: Pick<Delivery, 'reason' | 'reason_code'>): string | null {
  const { reason, reason_code: code } = delivery;
  if (code !== null && code !== undefined && code !== 'unknown' && isReason(code)) {
    const words = t(`delivery_reason.${code}`);
    // What the other system said helps the person who looks after it.
    return reason !== null && (code === 'refused' || code === 'reported') ? `${words} (${reason})` : words;
  }
  return reason ?? (code === 'unknown' ? t('delivery_reason.unknown') : null);
}

/** Whether an answer in the conversation has not reached the guest; `null`: all have, as far as anybody knows. */
export function notReached(known: Known, now: number): 'not_yet' | 'not_delivered' | null {
  const { undelivered_since: since, status } = known;
  if (status === 'closed' || since === null || since === undefined) return null;
  if ((known.failed?.length ?? 0) > 0) return 'not_delivered';
  return now - Date.parse(since) >= NOT_YET_MS ? 'not_yet' : null;
}
