import { describe, expect, it } from 'vitest';
import { startI18n } from '../i18n';
import type { Delivery } from '../protocol/Delivery';
import { notReached, outcomeOf, reasonOf } from './delivery';
import { at, conversation, mine } from './fixtures';
import { wordsForLine } from './logline';

startI18n();

const delivery = (state: string, reason_code: string | null = null, reason: string | null = null): Delivery =>
  ({ state, reason, reason_code, at: at(0) }) as Delivery;

describe('how far a message has come', () => {
  const outcome = (state: string | null, minutes = 1) =>
    outcomeOf({ ...mine(0), delivery: state === null ? null : delivery(state) }, Date.parse(at(minutes)));

  it('is what its delivery state says', () => {
    expect(['stored', 'sent', 'delivered', 'read', 'failed', 'none'].map((state) => outcome(state))).toEqual([
      'sent',
      'sent',
      'delivered',
      'read',
      'not_delivered',
      'not_delivered',
    ]);
    expect(outcome(null, 99)).toBe('sent');
    expect(outcome('queued', 99)).toBe('sent');
  });

  it('is not delivered yet after two minutes, counted anew when it is tried again', () => {
    expect(outcome('stored', 1.99)).toBe('sent');
    expect(outcome('stored', 2)).toBe('not_yet');
    const again = { ...mine(0), delivery: { ...delivery('stored'), at: at(9) } };
    expect(outcomeOf(again, Date.parse(at(10)))).toBe('sent');
  });

  it('has its reason in words; of an unknown code, the server’s', () => {
    expect(reasonOf(delivery('none', 'too_old', 'no way'))).toBe('This guest could not be reached for 24 hours.');
    expect(reasonOf(delivery('failed', 'refused', 'HTTP 422'))).toBe('The gateway refused it. (HTTP 422)');
    expect(reasonOf(delivery('failed', 'eaten_by_dog', 'The dog ate it.'))).toBe('The dog ate it.');
    expect(reasonOf(delivery('failed', 'unknown'))).toBe('The reason is unknown.');
    expect(reasonOf(delivery('failed'))).toBeNull();
  });

  it('marks the row after two minutes, and at once when it failed', () => {
    const row = (change: object, minutes: number) =>
      notReached(conversation(1, { undelivered_since: at(0), ...change }), Date.parse(at(minutes)));
    expect(row({}, 1)).toBeNull();
    expect(row({}, 2)).toBe('not_yet');
    expect(row({ failed: [3] }, 0)).toBe('not_delivered');
    expect(row({ status: 'closed' }, 5)).toBeNull();
    expect(row({ undelivered_since: null }, 5)).toBeNull();
  });
});

describe('what happened, in words', () => {
  const words = (kind: string, detail: unknown = null, staff_name: string | null = 'Raj') =>
    wordsForLine(
      {
        id: 1,
        conversation_id: 1,
        kind,
        at: at(0),
        after_message_id: null,
        staff_id: 8,
        staff_name,
        detail,
      } as Parameters<typeof wordsForLine>[0],
      (slug) => slug.toUpperCase(),
    );

  it('names who did it, from where to where, and the note', () => {
    expect(words('closed').text).toBe('Raj closed the conversation');
    expect(words('reopened', null, null).text).toBe('Reopened');
    const transfer = { from_department: 'reception', department: 'restaurant', note: 'Allergic to nuts' };
    expect(words('transferred', transfer)).toEqual({
      text: 'Raj transferred the conversation from RECEPTION to RESTAURANT',
      note: 'Allergic to nuts',
    });
    expect(words('guest_number', { from: null, to: '+441' }).text).toBe(
      'Raj changed the guest’s number from none to +441',
    );
  });

  it('shows a kind of a later version neutrally', () => {
    expect(words('device', { x: 1 })).toEqual({
      text: 'Raj changed something in this conversation',
      note: null,
    });
    expect(words('transferred', null).text).toContain('changed something');
  });
});
