import { describe, expect, it } from 'vitest';
import { at, conversation, me, message, mine } from './fixtures';
import { count, listed, nextUnread, type Kept, type Mine } from './lists';
import { meaning } from './keys';
import { lettersFor } from './letters';
import { preview } from './preview';
import { rowsOf, type Row } from './rows';
import { insert, emptyThread } from './thread';
import { waitOf } from './waiting';

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
    expect(count(conversations, all)).toEqual({ unread: 1, waiting: 2, byDepartment: new Map([['reception', 1]]) });
  });

  it('finds the next unread one around the end', () => {
    const list = listed(conversations, { tab: 'open', department: null, mine: all, kept: null });
    expect(nextUnread(list, 3)?.id).toBe(1);
    expect(nextUnread(list, null)?.id).toBe(1);
    expect(nextUnread(list, 1)).toBeNull();
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
    const rows = rowsOf({ ...base, messages: [message(1), message(2), mine(3), message(4), tomorrow], readUpTo: 3 });
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
    const before = rowsOf({ ...base, messages: [message(1)], outbox: [text] });
    const after = rowsOf({ ...base, messages: [message(1), mine(2, 'a')], outbox: [text] });
    expect(before.at(-1)).toMatchObject({ kind: 'text', key: 'a' });
    expect(after.at(-1)).toMatchObject({ kind: 'message', key: 'a' });
    expect(after).toHaveLength(before.length);
  });
});

describe('threads', () => {
  it('take each message once, in the order of the ids, and keep what was read', () => {
    const newest = insert(emptyThread, [message(5), message(6, { is_read: true })]);
    const both = insert(newest, [message(3), message(4), message(6)]);
    expect(both.messages.map(({ id }) => id)).toEqual([3, 4, 5, 6]);
    expect(both.messages.at(-1)?.is_read).toBe(true);
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
    expect(waitOf(at(16), now)).toMatchObject({ urgency: 'fresh', clock: '4:00' });
    expect(waitOf(at(15), now).urgency).toBe('late');
    expect(waitOf(at(5), now)).toMatchObject({ urgency: 'overdue', minutes: 15 });
    expect(waitOf(at(-60), now).clock).toBe('1:20:00');
    expect(waitOf(at(30), now).clock).toBe('0:00');
  });

  it('keys mean nothing while somebody types, but Escape and Ctrl K', () => {
    const key = (name: string, ctrlKey = false) =>
      ({ key: name, ctrlKey, metaKey: false, altKey: false, isComposing: false }) as const;
    expect(meaning(key('e'), false)).toEqual({ action: 'close' });
    expect(meaning(key('e'), true)).toBeNull();
    expect(meaning(key('e', true), false)).toBeNull();
    expect(meaning(key('Escape'), true)).toEqual({ action: 'back' });
    expect(meaning(key('k', true), true)).toEqual({ action: 'palette' });
    expect(meaning(key('3'), false)).toEqual({ action: 'department', place: 3 });
  });

  it('no two departments have the same letters', () => {
    const names = ['Reception', 'Housekeeping', 'Room service', 'Restaurant', 'Management'];
    expect(lettersFor(names)).toEqual(['RC', 'HS', 'RS', 'RT', 'MN']);
    expect(lettersFor(['Ana Silva'])).toEqual(['AS']);
  });
});
