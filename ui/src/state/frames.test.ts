/** What each frame says is taken from it, and what a later version may add changes nothing else. */
import { describe, expect, it } from 'vitest';
import type { ConversationUpdate } from '../protocol/ConversationUpdate';
import type { Frame } from '../protocol/Frame';
import type { Line } from '../protocol/Line';
import type { NewMessage } from '../protocol/NewMessage';
import { emptyDesk, mergeNotReached, type Desk, type Known } from './desk';
import { at, conversation, me, message, messageFrame, mine } from './fixtures';
import { applyFrames } from './frames';
import { emptyThread } from './thread';

const deskWith = (...known: Known[]): Desk => ({
  ...emptyDesk,
  conversations: new Map(known.map((each) => [each.id, each])),
});

const withThread = (desk: Desk, messages = [message(1), mine(2)]): Desk => ({
  ...desk,
  threads: new Map([[1, { ...emptyThread, messages, hasOlder: false, stale: false }]]),
});

const apply = (desk: Desk, ...frames: Frame[]) => applyFrames(desk, frames, me, 0);
const update = (seq: number, data: ConversationUpdate): Frame => ({ type: 'conversation_update', seq, data });
const about = { guest_name: 'Amelia Hart', department: 'reception' };
const newMessage = (change: Partial<NewMessage> = {}): ConversationUpdate => ({
  type: 'new_message',
  data: {
    conversation_id: 1,
    ...about,
    last_message_preview: 'Hello?',
    last_message_at: at(5),
    message_from: 'Amelia Hart',
    message_id: 5,
    sender_type: 'guest',
    room_number: '204',
    ...change,
  },
});
const change = (id: number) => ({ id, ...about, status: 'active' as const, updated_at: at(5) });
const line = (id: number, change: Partial<Line> = {}): Line => ({
  id,
  conversation_id: 1,
  kind: 'closed',
  at: at(5),
  after_message_id: 2,
  staff_id: 8,
  staff_name: 'Raj',
  detail: null,
  ...change,
});
const guestOf = (desk: Desk, id = 1) => {
  const { name, room_number } = desk.conversations.get(id)?.guest_info ?? {};
  return { name, room_number };
};

describe('room and name', () => {
  const renamed = { ...about, guest_name: 'Amelia Stone' };

  it.each<[string, Frame]>([
    ['new_message', update(2, newMessage({ guest_name: 'Amelia Stone', room_number: '611' }))],
    ['message', messageFrame(2, message(5, { guest_info: { id: 101, name: 'Amelia Stone', room_number: '611' } }))],
    [
      'new_conversation',
      {
        type: 'new_conversation',
        seq: 2,
        data: {
          id: 1,
          ...renamed,
          room_number: '611',
          status: 'active',
          conversation_type: 'general',
          created_at: at(1),
          last_message_preview: '',
        },
      },
    ],
    [
      'guest',
      update(2, {
        type: 'guest',
        data: {
          conversation_id: 1,
          ...renamed,
          guest_info: { id: 101, name: 'Amelia Stone', whatsapp_number: null, room_number: '611', language: 'en' },
          at: at(5),
        },
      }),
    ],
  ])('come from %s', (_, frame) => {
    const { desk } = apply(deskWith(conversation(1)), frame);
    expect(guestOf(desk)).toEqual({ name: 'Amelia Stone', room_number: '611' });
  });

  it.each<[string, ConversationUpdate]>([
    ['closed', { type: 'closed', data: { ...change(1), ...renamed, status: 'closed' } }],
    ['reopened', { type: 'reopened', data: { ...change(1), ...renamed } }],
    ['transferred', { type: 'transferred', data: { ...change(1), ...renamed, from_department: 'housekeeping' } }],
    [
      'read',
      {
        type: 'read',
        data: {
          conversation_id: 1,
          ...renamed,
          reader_type: 'guest',
          reader_id: null,
          reader_name: 'x',
          message_id: 1,
          read_at: at(5),
        },
      },
    ],
    [
      'delivery',
      {
        type: 'delivery',
        data: {
          conversation_id: 1,
          ...renamed,
          message_id: 2,
          state: 'sent',
          reason: null,
          reason_code: null,
          undelivered_since: null,
          at: at(5),
        },
      },
    ],
    ['line', { type: 'line', data: { conversation_id: 1, ...renamed, line: line(1) } }],
  ])('the name comes from %s, which has no room', (_, data) => {
    expect(guestOf(apply(deskWith(conversation(1)), update(2, data)).desk)).toEqual({
      name: 'Amelia Stone',
      room_number: '204',
    });
  });

  it('a check-out takes the room, and a frame from before what was read changes nothing', () => {
    const { desk } = apply(deskWith(conversation(1, { seq: 5 })), update(6, newMessage({ room_number: null })));
    expect(guestOf(desk).room_number).toBeNull();
    expect(guestOf(apply(desk, update(4, newMessage({ room_number: '1' }))).desk).room_number).toBeNull();
  });

  it('a guest’s closed conversations follow the open one', () => {
    const guest_info = { id: 9, name: 'Amelia Hart', whatsapp_number: null, room_number: '204', language: null };
    const desk = deskWith(conversation(1, { guest_info }), conversation(2, { guest_info, status: 'closed' }));
    const moved = { ...guest_info, room_number: '611' };
    const { desk: after } = apply(
      desk,
      update(2, { type: 'guest', data: { conversation_id: 1, ...about, guest_info: moved, at: at(5) } }),
    );
    expect(guestOf(after, 2).room_number).toBe('611');
  });
});

describe('since when the guest waits', () => {
  const waiting = (desk: Desk) => desk.conversations.get(1)?.waiting_since;

  it('comes from the frame, for guests and staff alike', () => {
    const desk = deskWith(conversation(1, { waiting_since: at(1) }));
    expect(waiting(apply(desk, update(2, newMessage({ waiting_since: at(3) }))).desk)).toBe(at(3));
    expect(waiting(apply(desk, update(2, newMessage({ waiting_since: null }))).desk)).toBeNull();
    const automatic = message(5, { sender_type: 'staff', waiting_since: at(1) });
    expect(waiting(apply(desk, messageFrame(2, automatic)).desk)).toBe(at(1));
    const reopened = update(2, { type: 'reopened', data: { ...change(1), waiting_since: at(4) } });
    expect(waiting(apply(deskWith(conversation(1, { status: 'closed' })), reopened).desk)).toBe(at(4));
    const transferred = {
      ...change(1),
      department: 'housekeeping',
      from_department: 'reception',
      waiting_since: at(2),
    };
    expect(waiting(apply(desk, update(2, { type: 'transferred', data: transferred })).desk)).toBe(at(2));
    const created = {
      id: 4,
      ...about,
      status: 'active' as const,
      conversation_type: 'general',
      created_at: at(1),
      last_message_preview: 'Hi',
      room_number: null,
      waiting_since: at(1),
    };
    const { desk: after } = apply(desk, { type: 'new_conversation', seq: 3, data: created });
    expect(after.conversations.get(4)?.waiting_since).toBe(at(1));
  });

  it('is worked out from the sender where the frame does not say', () => {
    const desk = deskWith(conversation(1));
    const asked = apply(desk, update(2, newMessage()));
    expect(waiting(asked.desk)).toBe(at(5));
    expect(waiting(apply(asked.desk, update(3, newMessage({ sender_type: 'staff' }))).desk)).toBeNull();
  });
});

describe('deliveries', () => {
  const delivery = (seq: number, state: 'stored' | 'sent' | 'failed', since: string | null, id = 2) =>
    update(seq, {
      type: 'delivery',
      data: {
        conversation_id: 1,
        ...about,
        message_id: id,
        state,
        reason: null,
        reason_code: state === 'failed' ? 'refused' : null,
        undelivered_since: since,
        at: at(seq),
      },
    });
  const stateOf = (desk: Desk) => desk.threads.get(1)?.messages.at(-1)?.delivery?.state;

  it('an answer counts as on its way until the server says that it has left', () => {
    const sent = apply(deskWith(conversation(1)), update(2, newMessage({ sender_type: 'staff' })));
    expect(sent.desk.conversations.get(1)?.undelivered_since).toBe(at(5));
    const left = apply(sent.desk, delivery(3, 'sent', null, 5));
    expect(left.desk.conversations.get(1)).toMatchObject({ undelivered_since: null, failed: [] });
  });

  it('a failed one is known by the row and the message, until it is tried again', () => {
    const failed = apply(withThread(deskWith(conversation(1))), delivery(3, 'failed', at(2)));
    expect(failed.desk.conversations.get(1)).toMatchObject({ undelivered_since: at(2), failed: [2] });
    expect(stateOf(failed.desk)).toBe('failed');
    const again = apply(failed.desk, delivery(4, 'stored', at(2)));
    expect(again.desk.conversations.get(1)).toMatchObject({ undelivered_since: at(2), failed: [] });
    expect(stateOf(again.desk)).toBe('stored');
  });

  it('the guest’s next message and the closing end it', () => {
    const desk = deskWith(conversation(1, { undelivered_since: at(2), failed: [2] }));
    const reached = { undelivered_since: null, failed: [] };
    expect(apply(desk, update(3, newMessage())).desk.conversations.get(1)).toMatchObject(reached);
    const closed = update(3, { type: 'closed', data: { ...change(1), status: 'closed' } });
    expect(apply(desk, closed).desk.conversations.get(1)).toMatchObject(reached);
  });

  it('what the server lists as not reached before its time has failed', () => {
    const listed = [conversation(1, { undelivered_since: at(9) }), conversation(2, { undelivered_since: at(2) })];
    const desk = mergeNotReached(emptyDesk, { results: listed, seq: 5 }, (since) => since < at(5));
    expect(desk.conversations.get(1)?.failed).toHaveLength(1);
    expect(desk.conversations.get(2)?.failed).toBeUndefined();
  });

  it('servers without delivery states leave everything sent', () => {
    const old = { ...conversation(1), undelivered_since: undefined } as unknown as Known;
    const { desk } = apply(deskWith(old), update(2, newMessage({ sender_type: 'staff' })));
    expect(desk.conversations.get(1)?.undelivered_since).toBeUndefined();
  });
});

describe('lines', () => {
  it('come with the update to which they belong, or alone, each once', () => {
    const desk = withThread(deskWith(conversation(1)));
    const { desk: after } = apply(
      desk,
      update(2, { type: 'closed', data: { ...change(1), status: 'closed', line: line(1) } }),
      update(3, { type: 'reopened', data: { ...change(1), line: line(2, { kind: 'reopened' }) } }),
      update(3, { type: 'reopened', data: { ...change(1), line: line(2, { kind: 'reopened' }) } }),
      update(4, { type: 'line', data: { conversation_id: 1, ...about, line: line(3, { kind: 'guest_number' }) } }),
    );
    expect(after.threads.get(1)?.lines.map(({ id }) => id)).toEqual([1, 2, 3]);
    const known = after.conversations.get(1);
    expect(known).toMatchObject({ last_message_preview: '', unread_count: 0, waiting_since: null });
  });
});

describe('read elsewhere', () => {
  const read = (message_id: number) =>
    update(9, {
      type: 'read',
      data: {
        conversation_id: 1,
        ...about,
        reader_type: 'staff',
        reader_id: me.id,
        reader_name: me.name,
        message_id,
        read_at: at(9),
      },
    });
  const unread = (desk: Desk) => desk.conversations.get(1)?.unread_count;

  it('a mark on an older message leaves the later ones unread', () => {
    const messages = [message(1), message(2), mine(3), message(4), message(5)];
    const desk = withThread(deskWith(conversation(1, { unread_count: 4 })), messages);
    const { desk: after, reload } = apply(desk, read(2));
    expect(unread(after)).toBe(2);
    expect(reload.size).toBe(0);
    expect(unread(apply(after, { ...read(5), seq: 10 } as Frame).desk)).toBe(0);
  });

  it('without the messages, the server counts', () => {
    const { desk, reload } = apply(deskWith(conversation(1, { unread_count: 4 })), read(2));
    expect(unread(desk)).toBe(4);
    expect([...reload]).toEqual([1]);
  });

  it('the newest message needs no counting', () => {
    const desk = apply(deskWith(conversation(1)), update(2, newMessage())).desk;
    expect(unread(desk)).toBe(1);
    const { desk: after, reload } = apply(desk, read(5));
    expect(unread(after)).toBe(0);
    expect(reload.size).toBe(0);
  });
});

describe('what later versions may add', () => {
  const desk = withThread(deskWith(conversation(1, { unread_count: 1 })));
  const later = (frame: unknown) => apply(desk, frame as Frame);

  it('frames and updates of an unknown type change nothing', () => {
    expect(later({ type: 'knock', seq: 7, data: { id: 1 } }).desk).toEqual(desk);
    expect(later({ type: 'conversation_update', seq: 7, data: { type: 'mood', data: { id: 1 } } }).desk).toEqual(desk);
    expect(later({ type: 'acknowledgment', status: 'thanked' }).desk).toEqual(desk);
  });

  it('a message of an unknown type or by an unknown sender is taken with its content', () => {
    const data = { ...message(5), message_type: 'hologram', sender_type: 'robot', channel: 'pigeon' };
    const { desk: after } = later({ type: 'message', seq: 7, data });
    expect(after.threads.get(1)?.messages.at(-1)?.content).toBe('message 5');
    expect(after.conversations.get(1)).toMatchObject({ last_message_preview: 'message 5', unread_count: 1 });
  });

  it('an unknown status, delivery state or line kind is kept as it came', () => {
    const reopened = { type: 'reopened', data: { ...change(1), line: { id: 1, kind: 'device', detail: { x: 1 } } } };
    const { desk: after } = later({ type: 'conversation_update', seq: 7, data: reopened });
    expect(after.threads.get(1)?.lines[0]).toMatchObject({ kind: 'device' });
    const delivery = {
      conversation_id: 1,
      ...about,
      message_id: 2,
      state: 'queued',
      undelivered_since: null,
      at: at(5),
    };
    const { desk: sent } = later({ type: 'conversation_update', seq: 7, data: { type: 'delivery', data: delivery } });
    expect(sent.threads.get(1)?.messages.at(-1)?.delivery?.state).toBe('queued');
  });
});
