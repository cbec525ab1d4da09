/** What happened to a conversation, in words. */
import { t } from '../i18n';
import type { Line } from '../protocol/Line';
import type { NumberDetail } from '../protocol/NumberDetail';
import type { TransferDetail } from '../protocol/TransferDetail';

export interface LineWords {
  text: string;
  /** What a colleague wrote to the next department. */
  note: string | null;
}

/** A kind of a later version is shown neutrally: that something happened, who did it and when. */
export function wordsForLine(line: Line, nameOf: (department: string) => string): LineWords {
  const who = line.staff_name;
  const changed = { text: who === null ? t('line.changed') : t('line.changed_by', { who }), note: null };
  switch (line.kind) {
    case 'closed':
      return { text: who === null ? t('line.closed') : t('line.closed_by', { who }), note: null };
    case 'reopened':
      return { text: who === null ? t('line.reopened') : t('line.reopened_by', { who }), note: null };
    case 'transferred': {
      const { from_department, department, note } = (line.detail ?? {}) as Partial<TransferDetail>;
      if (department === undefined) return changed;
      const places = { from: nameOf(from_department ?? ''), to: nameOf(department) };
      const text = who === null ? t('line.transferred', places) : t('line.transferred_by', { who, ...places });
      return { text, note: note ?? null };
    }
    case 'guest_number': {
      const { from = null, to = null } = (line.detail ?? {}) as Partial<NumberDetail>;
      const numbers = { from: from ?? t('line.no_number'), to: to ?? t('line.no_number') };
      const text = who === null ? t('line.guest_number', numbers) : t('line.guest_number_by', { who, ...numbers });
      return { text, note: null };
    }
    default:
      return changed;
  }
}
