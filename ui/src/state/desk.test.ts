import { describe, expect, it } from 'vitest';
import type { Frame } from '../protocol/Frame';
import { acknowledge } from './acknowledged';
import { dropMissing, emptyDesk, lapseTyping, mergeConversations, mergeOne, type Desk, type Known } from './desk';
import { applyFrames } from './frames';
import { at, conversation, me, message, messageFrame, mine } from './fixtures';
import { emptyThread } from './thread';

const deskWith = (...known: Known[]): Desk => ({
  ...emptyDesk,
  conversations: new Map(known.map((each) => [each.id, each])),
});

const apply = (desk: Desk, ...frames: Frame[]) => applyFrames(desk, frames, me, 0);

const line = (seq: number, id: number): Frame => ({
  type: 'conversation_update',
  seq,
  data: {
    type: 'new_message',
    data: {
      conversation_id: 1,
      guest_name: 'Amelia Hart',
      department: 'reception',
      last_message_preview: `message ${id}`,
      last_message_at: at(id),
      message_from: 'Amelia Hart',
      message_id: id,
      sender_type: 'guest',
      room_number: '204',
    },
  },
});

const transferred = (department: string): Frame => ({
  type: 'conversation_update',
  seq: 5,
  data: {
    type: 'transferred',
    data: {
      id: 1,
      guest_name: 'Amelia Hart',
      department,
      from_department: 'reception',
      status: 'active',
      updated_at: at(5),
    },
  },
});

describe('messages', () => {
  it('a guest waits from the first unanswered message, and no longer once answered', () => {
    const first = apply(deskWith(conversation(1)), messageFrame(1, message(1)), messageFrame(2, message(2)));
    expect(first.desk.conversations.get(1)).toMatchObject({
      unread_count: 2,
      waiting_since: at(1),
      last_message_preview: 'message 2',
    });
    const answered = apply(first.desk, messageFrame(3, mine(3)));
    expect(answered.desk.conversations.get(1)).toMatchObject({ unread_count: 2, waiting_since: null });
  });

  it('an event that the list contained already changes nothing', () => {
    const desk = mergeConversations(emptyDesk, { results: [conversation(1, { unread_count: 1 })], seq: 10 });
    expect(apply(desk, line(10, 1)).desk.conversations.get(1)?.unread_count).toBe(1);
    expect(apply(desk, line(11, 2)).desk.conversations.get(1)?.unread_count).toBe(2);
  });

  it('a message that came only as a line makes the loaded messages stale', () => {
    const desk = { ...deskWith(conversation(1)), threads: new Map([[1, { ...emptyThread, stale: false }]]) };
    expect(apply(desk, line(1, 1)).desk.threads.get(1)?.stale).toBe(true);
    expect(apply(desk, messageFrame(1, message(1))).desk.threads.get(1)).toMatchObject({
      stale: false,
      messages: [{ id: 1 }],
    });
  });

  it('of an unknown conversation asks for it', () => {
    expect([...apply(emptyDesk, line(1, 1)).reload]).toEqual([1]);
  });

  it('a message contained in a conversation that was read alone is not counted again', () => {
    const read = conversation(1, { unread_count: 1, last_message_at: at(1) });
    const desk = mergeOne(deskWith(conversation(1, { seq: 3 })), read, 3);
    expect(desk).not.toBeNull();
    const after = apply(desk ?? emptyDesk, line(4, 1), line(5, 2));
    expect(after.desk.conversations.get(1)?.unread_count).toBe(2);
  });

  it('an acknowledged text is a message before its echo, and stays one', () => {
    const desk = { ...deskWith(conversation(1)), threads: new Map([[1, { ...emptyThread, stale: false }]]) };
    const frames: Frame[] = [
      {
        type: 'acknowledgment',
        status: 'received',
        message_id: 9,
        conversation_id: 1,
        client_id: 'a',
        timestamp: at(9),
      },
    ];
    const text = { client_id: 'a', conversation_id: 1, content: 'Done', created_at: at(9), state: 'sending' as const };
    const acknowledged = acknowledge(desk, frames, [text], me);
    expect(acknowledged.threads.get(1)?.messages).toMatchObject([{ id: 9, content: 'Done', client_id: 'a' }]);
    const echoed = apply(acknowledged, messageFrame(1, mine(9, 'a')));
    expect(echoed.desk.threads.get(1)?.messages).toHaveLength(1);
  });
});

describe('conversations', () => {
  it('a new one appears at once, and is read for what the frame does not tell', () => {
    const { desk, reload } = apply(emptyDesk, {
      type: 'new_conversation',
      seq: 1,
      data: {
        id: 4,
        guest_name: 'J. Okafor',
        department: 'reception',
        conversation_type: 'general',
        status: 'active',
        created_at: at(1),
        last_message_preview: '',
        room_number: '118',
      },
    });
    expect(desk.conversations.get(4)?.guest_info).toMatchObject({ name: 'J. Okafor', room_number: '118' });
    expect([...reload]).toEqual([4]);
  });

  it('one that went to a department of mine stays, one that went elsewhere is gone', () => {
    const desk = deskWith(conversation(1));
    expect(apply(desk, transferred('housekeeping')).desk.conversations.get(1)?.department).toBe('housekeeping');
    expect(apply(desk, transferred('restaurant')).desk.conversations.has(1)).toBe(false);
  });

  it('one that was erased is gone with its thread', () => {
    const desk = { ...deskWith(conversation(1)), threads: new Map([[1, emptyThread]]) };
    const { desk: after } = apply(desk, {
      type: 'conversation_update',
      seq: 2,
      data: {
        type: 'closed',
        data: {
          id: 1,
          guest_name: 'Erased guest',
          department: 'reception',
          status: 'closed',
          updated_at: at(2),
          erased: true,
        },
      },
    });
    expect(after.conversations.has(1)).toBe(false);
    expect(after.threads.has(1)).toBe(false);
  });

  it('a closed one waits no longer', () => {
    const { desk } = apply(deskWith(conversation(1, { waiting_since: at(1) })), {
      type: 'conversation_update',
      seq: 2,
      data: {
        type: 'closed',
        data: { id: 1, guest_name: 'Amelia Hart', department: 'reception', status: 'closed', updated_at: at(2) },
      },
    });
    expect(desk.conversations.get(1)).toMatchObject({ status: 'closed', waiting_since: null, closed_at: at(2) });
  });

  it('an older reading does not undo a newer event, and asks to be repeated', () => {
    const desk = deskWith(conversation(1, { seq: 9, unread_count: 3 }));
    expect(mergeConversations(desk, { results: [conversation(1)], seq: 8 }).conversations.get(1)?.unread_count).toBe(3);
    expect(mergeOne(desk, conversation(1), 8)).toBeNull();
  });

  it('what a complete list no longer holds is dropped, unless it is newer or closed', () => {
    const desk = deskWith(
      conversation(1, { seq: 5 }),
      conversation(2, { seq: 11 }),
      conversation(3, { seq: 5, status: 'closed' }),
      conversation(4, { seq: 5 }),
    );
    expect([...dropMissing(desk, new Set([4]), 10).conversations.keys()]).toEqual([2, 3, 4]);
  });

  it('reading marks what the other side wrote', () => {
    const read = (reader_type: 'staff' | 'guest', reader_id: number | null): Frame => ({
      type: 'conversation_update',
      seq: 3,
      data: {
        type: 'read',
        data: {
          conversation_id: 1,
          guest_name: 'Amelia Hart',
          department: 'reception',
          reader_type,
          reader_id,
          reader_name: 'x',
          message_id: 2,
          read_at: at(3),
        },
      },
    });
    const thread = { messages: [message(1), mine(2), mine(3)], lines: [], hasOlder: false, stale: false };
    const desk = { ...deskWith(conversation(1, { unread_count: 1 })), threads: new Map([[1, thread]]) };
    const reads = (applied: Desk) => applied.threads.get(1)?.messages.map(({ is_read }) => is_read);

    expect(reads(apply(desk, read('guest', null)).desk)).toEqual([false, true, false]);
    const byColleague = apply(desk, read('staff', 8)).desk;
    expect(reads(byColleague)).toEqual([true, false, false]);
    expect(byColleague.conversations.get(1)?.unread_count).toBe(1);
    expect(apply(desk, read('staff', me.id)).desk.conversations.get(1)?.unread_count).toBe(0);
  });
});

describe('people', () => {
  const typing = (is_typing: boolean): Frame => ({
    type: 'typing',
    data: { conversation_id: 1, user_id: 8, user_name: 'Raj', is_typing, sender_type: 'staff' },
  });

  it('typing lapses after six seconds, ends when told, and ends with the message', () => {
    const { desk } = applyFrames(emptyDesk, [typing(true)], me, 1_000);
    expect(lapseTyping(desk, 6_999).typing.size).toBe(1);
    expect(lapseTyping(desk, 7_000).typing.size).toBe(0);
    expect(apply(desk, typing(false)).desk.typing.size).toBe(0);
    const sent = message(1, { sender_type: 'staff', sender_id: 8, sender_name: 'Raj' });
    expect(
      apply({ ...desk, ...deskWith(conversation(1)), typing: desk.typing }, messageFrame(1, sent)).desk.typing.size,
    ).toBe(0);
  });

  it('a resumed connection knows who is there, and forgets what is denied', () => {
    const { desk } = apply(deskWith(conversation(1)), {
      type: 'acknowledgment',
      status: 'resumed',
      epoch: 'k',
      seq: 1,
      timestamp: at(1),
      online: [{ user_id: 8, user_name: 'Raj', department: 'reception' }],
      denied: [1],
    });
    expect([...desk.online.keys()]).toEqual([8]);
    expect(desk.conversations.size).toBe(0);
    const gone = apply(desk, {
      type: 'user_status',
      data: { type: 'user_disconnected', user_id: 8, user_name: 'Raj', department: 'reception', departments: [] },
    });
    expect(gone.desk.online.size).toBe(0);
  });
});
