import { describe, expect, it } from 'vitest';
import { startI18n } from '../i18n';
import type { Known } from './desk';
import { at, conversation, me, message, mine } from './fixtures';
import { count, listed, longestWait, searched, type Kept, type Mine } from './lists';
import { initialsOf } from './initials';
import { preview } from './preview';
import type { Line } from '../protocol/Line';
import { partsOf, RowMaker, rowsOf, type Boundary, type Row } from './rows';
import { insert, emptyThread } from './thread';
import { waitOf } from './waiting';

startI18n();

const all = () => true;

describe('lists', () => {
  const conversations = [
    conversation(1, { waiting_since: at(5), last_message_at: at(5), unread_count: 1 }),
    conversation(2, { waiting_since: at(2), last_message_at: at(9), department: 'housekeeping' }),
    conversation(3, { last_message_at: at(7) }),
    conversation(4, { status: 'closed', last_message_at: at(8) }),
  ];
  const ids = (tab: 'waiting' | 'open' | 'closed', department: string | null = null, ours: Mine = all) =>
    listed(conversations, { tab, department, mine: ours, kept: null }).map(({ id }) => id);

  it('who waits longest comes first; elsewhere the newest', () => {
    expect(ids('waiting')).toEqual([2, 1]);
    expect(ids('open')).toEqual([2, 3, 1]);
    expect(ids('closed')).toEqual([4]);
    expect(ids('open', 'reception')).toEqual([3, 1]);
  });

  it('the open one stays among those who wait, at its place, when it is answered', () => {
    const waiting = (kept: Kept | null) =>
      listed(conversations, { tab: 'waiting', department: null, mine: all, kept }).map(({ id }) => id);
    expect(waiting({ id: 3, waiting_since: at(4) })).toEqual([2, 3, 1]);
    expect(waiting({ id: 4, waiting_since: at(4) })).toEqual([2, 1]);
  });

  it('shows the own departments only', () => {
    expect(ids('open', null, ({ department }) => department === 'reception')).toEqual([3, 1]);
  });

  it('counts what is unread and who waits', () => {
    const byDepartment = new Map([['reception', 1]]);
    expect(count(conversations, all, null)).toEqual({ unread: 1, waiting: 2, byDepartment });
    expect(count(conversations, all, 'housekeeping')).toEqual({ unread: 1, waiting: 1, byDepartment });
  });

  it('counts as unread only what waits for an answer', () => {
    const waits = conversation(1, { unread_count: 2, waiting_since: at(5) });
    const isAnswered = conversation(2, { unread_count: 2, department: 'housekeeping' });
    const counts = count([waits, isAnswered], all, null);
    expect(counts).toEqual({ unread: 1, waiting: 1, byDepartment: new Map([['reception', 1]]) });
  });

  it('a search finds rooms before names before numbers, and what only the server could', () => {
    const guest = (id: number, name: string, room_number: string | null, whatsapp_number: string | null = null) =>
      conversation(id, { guest_info: { id, name, room_number, whatsapp_number, language: null } });
    const known = [
      guest(1, 'Bo 204', '7'),
      guest(2, 'Cy', '9', '447700902045'),
      guest(3, 'Al', '2041'),
      guest(4, 'Amelia', '204'),
      guest(5, 'Found by a former name', null),
      guest(6, 'Nobody', '8'),
    ];
    const find = (query: string, department: string | null = null) =>
      searched(known, { query, department, found: new Set([5]) }).map(({ id }) => id);
    expect(find(' 204 ')).toEqual([4, 3, 1, 2, 5]);
    expect(find('AMELIA')).toEqual([4, 5]);
    expect(find('+447700902045')).toEqual([2, 5]);
    expect(find('204', 'housekeeping')).toEqual([]);
  });

  it('finds who has waited longest, other than in the open one', () => {
    const waiting = (id: number, minute: number, change = {}) =>
      conversation(id, { waiting_since: at(minute), ...change });
    const known = [
      waiting(1, 5),
      waiting(2, 3, { department: 'spa' }),
      waiting(3, 2, { status: 'closed' }),
      conversation(4, { unread_count: 3 }),
      waiting(6, 4),
      waiting(5, 4),
    ];
    const isMine = (each: Known) => each.department !== 'spa';
    expect(longestWait(known, isMine, null)?.id).toBe(5);
    expect(longestWait(known, isMine, 5)?.id).toBe(6);
    expect(longestWait(known, () => true, null)?.id).toBe(2);
    expect(longestWait([known[3] as Known], isMine, null)).toBeNull();
  });
});

describe('rows', () => {
  const shape = (rows: Row[]) =>
    rows.map((row) =>
      row.kind === 'message' || row.kind === 'text' ? `${row.kind}${row.first ? ' first' : ''}` : row.kind,
    );
  const base = { me: me.id, outbox: [], readUpTo: null, dayOf: (time: string) => time.slice(0, 10) };

  it('groups a sender’s messages, and divides days and what is new', () => {
    const tomorrow = message(9, { created_at: '2026-11-24T08:00:00.000Z' });
    const rows = rowsOf({ ...base, parts: [message(1), message(2), mine(3), message(4), tomorrow], readUpTo: 3 });
    expect(shape(rows)).toEqual([
      'day',
      'message first',
      'message',
      'message first',
      'new',
      'message first',
      'day',
      'message first',
    ]);
  });

  it('a text keeps its key when it becomes a message, and is not shown twice', () => {
    const text = { client_id: 'a', conversation_id: 1, content: 'x', created_at: at(2), state: 'sending' as const };
    const before = rowsOf({ ...base, parts: [message(1)], outbox: [text] });
    const after = rowsOf({ ...base, parts: [message(1), mine(2, 'a')], outbox: [text] });
    expect(before.at(-1)).toMatchObject({ kind: 'text', key: 'a' });
    expect(after.at(-1)).toMatchObject({ kind: 'message', key: 'a' });
    expect(after).toHaveLength(before.length);
  });
});

describe('lines between the messages', () => {
  const happened = (id: number, after_message_id: number | null): Line => ({
    id,
    conversation_id: 1,
    kind: 'closed',
    at: at(after_message_id ?? 0),
    after_message_id,
    staff_id: 8,
    staff_name: 'Raj',
    detail: null,
  });
  const base = { me: me.id, outbox: [], readUpTo: null, dayOf: (time: string) => time.slice(0, 10) };
  const ended: Boundary = { conversation_id: 3, department: 'reception', ended_at: at(0), isShown: true };

  it('stand after the message that they followed, in their order', () => {
    const lines = [happened(5, 2), happened(4, null), happened(6, 2), happened(7, 9)];
    const parts = partsOf({ messages: [message(1), message(2), message(3)], lines });
    expect(rowsOf({ ...base, parts }).map(({ key }) => key.replace(/^day.*/u, 'day'))).toEqual([
      'day',
      'line 4',
      '1',
      '2',
      'line 5',
      'line 6',
      '3',
      'line 7',
    ]);
  });

  it('begin a new group, and an earlier conversation a new day', () => {
    const rows = rowsOf({ ...base, parts: [message(1), ended, message(2), happened(1, 2), message(3)] });
    const shape = rows.map((row) => (row.kind === 'message' && row.first ? 'first' : row.kind));
    expect(shape).toEqual(['day', 'first', 'earlier', 'day', 'first', 'line', 'first']);
  });

  it('rows that are made again are the same as made at once', () => {
    const maker = new RowMaker();
    const now = [message(6), mine(7), happened(2, 7), message(8)];
    const earlier = [message(1), mine(2, 'a'), happened(1, 2)];
    const asked = { ...ended, isShown: false };
    const steps = [
      [asked, ...now],
      [asked, ...now, happened(3, 8)],
      [asked, ...now, happened(3, 8), mine(9)],
      [...earlier.slice(1), ended, ...now, happened(3, 8), mine(9)],
      [...earlier, ended, ...now, happened(3, 8), mine(9)],
      [...earlier, ended, ...now, happened(3, 8), mine(9), message(10), happened(4, 10)],
    ];
    for (const parts of steps) expect(maker.rows({ ...base, parts })).toEqual(rowsOf({ ...base, parts }));
  });
});

describe('rows that are made again', () => {
  // Twelve a day, two minutes apart, by turns of four.
  const many = Array.from({ length: 60 }, (_, index) => ({
    ...(Math.floor(index / 4) % 2 === 0 ? message(index + 1) : mine(index + 1, `text ${index}`)),
    created_at: new Date(Date.UTC(2026, 10, 1 + Math.floor(index / 12), 12, 2 * index)).toISOString(),
  }));
  const text = { client_id: 'a', conversation_id: 1, content: 'x', created_at: at(2), state: 'waiting' as const };
  const base = { me: me.id, outbox: [], dayOf: (time: string) => time.slice(0, 10) };

  it.each([null, 0, 12, 33, 58])('are the same as made at once (read up to %s)', (readUpTo) => {
    const maker = new RowMaker();
    const steps = [
      { parts: many.slice(30, 40) },
      { parts: many.slice(29, 40) },
      { parts: many.slice(10, 40) },
      { parts: many.slice(10, 41) },
      { parts: many.slice(10, 41), outbox: [text] },
      { parts: many.slice(5, 41), outbox: [text] },
      { parts: many.slice(5, 41), outbox: [{ ...text, state: 'sending' as const }] },
      { parts: [...many.slice(5, 41), mine(100, 'a')], outbox: [text] },
      {
        parts: [
          ...many.slice(5, 40),
          ...many.slice(40, 41).map((each) => ({ ...each, is_read: true })),
          mine(100, 'a'),
        ],
      },
      { parts: many.slice(5, 30) },
      { parts: many.slice(5, 55).map((each) => ({ ...each, is_read: true })) },
      { parts: many.slice(0, 58) },
      { parts: many },
    ];
    for (const step of steps) {
      const input = { ...base, readUpTo, ...step };
      expect(maker.rows(input)).toEqual(rowsOf(input));
    }
  });

  it('keep what did not change', () => {
    const maker = new RowMaker();
    const before = maker.rows({ ...base, readUpTo: null, parts: many.slice(20, 40) });
    const after = maker.rows({ ...base, readUpTo: null, parts: many.slice(0, 40) });
    expect(after.at(-5)).toBe(before.at(-5));
  });
});

describe('threads', () => {
  it('take each message once, in the order of the ids, and keep what was read', () => {
    const newest = insert(emptyThread, [message(5), message(6, { is_read: true })]);
    const both = insert(newest, [message(3), message(4), message(6)]);
    expect(both.messages.map(({ id }) => id)).toEqual([3, 4, 5, 6]);
    expect(both.messages.at(-1)?.is_read).toBe(true);
    expect(insert(both, [message(1), message(2)]).messages.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5, 6]);
  });
});

describe('small things', () => {
  it('previews are one line of a hundred characters', () => {
    expect(preview(' two\n more \ttowels ')).toBe('two more towels');
    expect([...preview('ü'.repeat(101))]).toHaveLength(100);
    expect(preview('ü'.repeat(100))).toBe('ü'.repeat(100));
  });

  it('waiting is late after 5 and overdue after 15 minutes', () => {
    const now = Date.parse(at(20));
    expect(waitOf(at(16), now)).toMatchObject({ urgency: 'fresh', short: '4 min' });
    expect(waitOf(at(15), now).urgency).toBe('late');
    expect(waitOf(at(5), now)).toMatchObject({ urgency: 'overdue', minutes: 15 });
    expect(waitOf(at(-60), now).short).toBe('1 h 20 min');
    expect(waitOf(at(20), now + 59_999).short).toBe('0:59');
    expect(waitOf(at(-60 * 76), now).short).toBe('3 d 4 h');
    expect(waitOf(at(30), now).short).toBe('0:00');
  });

  it('a picture shows the initials of the first and the last word', () => {
    expect(['Ana Silva', 'Raj K. Patel', 'zoe', ''].map(initialsOf)).toEqual(['AS', 'RP', 'Z', '?']);
  });
});
