import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { defaultPreferences, type Backend, type Position } from '../backend/types';
import { startI18n } from '../i18n';
import type { Frame } from '../protocol/Frame';
import type { Message } from '../protocol/Message';
import type { Known } from './desk';
import { at, conversation, me, message, messageFrame, mine } from './fixtures';
import { Inbox } from './inbox.svelte';
import { Loading } from './loading.svelte';

startI18n();

/** What the server holds. Every answer takes a moment, and may be held back. */
class Server {
  epoch = 'old';
  seq = 50;
  conversations: Known[] = [];
  messages = new Map<number, Message[]>();
  departments = me.departments;
  /** Conversations that the person may not see. */
  readonly denied = new Set<number>();
  readonly asked: string[] = [];
  /** From where each connection was asked for. */
  readonly connected: (Position | null)[] = [];
  answers = Promise.resolve();

  get backend(): Backend {
    const backend: Partial<Backend> = {
      drafts: () => Promise.resolve([]),
      saveDraft: () => Promise.resolve(),
      connect: (from) => {
        this.connected.push(from);
        return Promise.resolve();
      },
      setOpen: () => Promise.resolve(),
      alertPreferences: () => Promise.resolve(defaultPreferences),
      command: () => Promise.resolve(null),
      request: async <T>(_: string, path: string) => {
        this.asked.push(path);
        await this.answers;
        return this.#answer(path) as T;
      },
    };
    return backend as Backend;
  }

  #answer(path: string): unknown {
    const [place = '', query] = path.split('?');
    const asked = new URLSearchParams(query);
    const stand = { epoch: this.epoch, seq: this.seq };
    const id = Number(/^\/chat\/conversations\/(\d+)\//u.exec(place)?.[1]);
    const one = this.conversations.find((each) => each.id === id);
    if (this.denied.has(id)) throw { status: 403, code: 'access_denied', title: '', detail: '' };
    if (id && !one) throw { status: 404, code: 'conversation_not_found', title: '', detail: '' };
    if (place.endsWith('/messages/')) {
      const after = Number(asked.get('after') ?? 0);
      const before = Number(asked.get('before') ?? Infinity);
      const found = (this.messages.get(id) ?? []).filter((each) => each.id > after && each.id < before);
      const limit = Number(asked.get('limit'));
      const results = after > 0 ? found.slice(0, limit) : found.slice(-limit);
      return { results, lines: [], has_more: found.length > limit, ...stand };
    }
    if (id) return one;
    if (place === '/chat/conversations/') {
      const isWanted = ({ status, waiting_since, department }: Known) =>
        (asked.get('waiting') === null || waiting_since !== null) &&
        ['all', status, null].includes(asked.get('status')) &&
        [department, null].includes(asked.get('department'));
      return { results: this.conversations.filter(isWanted), next_cursor: null, ...stand };
    }
    return place === '/auth/me/' ? { ...me, departments: this.departments } : { results: [] };
  }
}

const settle = () => vi.advanceTimersByTimeAsync(50);
const ids = (messages: readonly Message[] | undefined) => messages?.map(({ id }) => id);

describe('the inbox', () => {
  let server: Server;
  let inbox: Inbox;

  beforeEach(() => {
    vi.useFakeTimers();
    sessionStorage.clear();
    server = new Server();
    server.conversations = [
      conversation(1, { last_message_preview: 'lost' }),
      conversation(2, { status: 'closed', closed_at: at(3) }),
      conversation(3),
    ];
    server.messages = new Map([
      [1, [message(10), message(11), mine(12)]],
      [2, [message(20)]],
      [3, [message(30), message(31)]],
    ]);
    inbox = new Inbox(server.backend, me);
  });

  afterEach(() => {
    inbox.end();
    vi.useRealTimers();
  });

  async function connect() {
    await inbox.begin();
    inbox.on({ kind: 'connection', connection: { state: 'connected' } });
    await settle();
  }

  const resynced = (epoch: string): Frame => ({
    type: 'acknowledgment',
    status: 'resync_required',
    epoch,
    seq: server.seq,
    timestamp: at(40),
    online: [],
    denied: [],
  });

  function restore() {
    Object.assign(server, { epoch: 'new', seq: 1_000_020 });
    server.conversations = [conversation(1, { last_message_preview: 'kept' }), conversation(3)];
    server.messages = new Map([
      [1, [message(10)]],
      [3, [message(30)]],
    ]);
  }

  it('reads the lists once, and connects from where they were read', async () => {
    await connect();
    expect(server.connected).toEqual([{ epoch: 'old', seq: 50 }]);
    const lists = server.asked.filter((path) => path.startsWith('/chat/conversations/?'));
    expect(lists.map((path) => path.split('?')[1])).toEqual([
      'waiting=true&limit=200',
      'status=active&limit=60',
      'transferred=true&status=all&limit=200',
      'not_reached=true&limit=200',
    ]);
  });

  it('keeps what was written where a conversation may not be seen any more, and does not call it erased', async () => {
    await connect();
    inbox.open(1);
    await settle();
    inbox.drafts.set(1, 'At eight');
    server.denied.add(1);
    server.conversations = server.conversations.filter(({ id }) => id !== 1);
    inbox.on({ kind: 'frame', frame: { ...resynced('old'), denied: [1] } as Frame });
    await settle();
    expect(inbox.isGone).toBe(true);
    expect(inbox.gone?.isErased).toBe(false);
    inbox.leave();
    expect(inbox.drafts.get(1)).toBe('At eight');
    inbox.open(1);
    await settle();
    expect([inbox.isGone, inbox.missing]).toEqual([true, 'denied']);
    server.denied.clear();
    inbox.leave();
    inbox.open(1);
    await settle();
    expect([inbox.isGone, inbox.missing]).toEqual([true, 'not_found']);
  });

  it('reads everything anew where the departments have changed without a connection', async () => {
    await connect();
    server.departments = [...me.departments, 'spa'];
    server.conversations.push(conversation(4, { department: 'spa' }));
    inbox.on({ kind: 'connection', connection: { state: 'reconnecting', since: 0 } });
    inbox.on({ kind: 'connection', connection: { state: 'connected' } });
    await settle();
    expect(inbox.user.departments).toEqual(server.departments);
    expect([...inbox.conversations.keys()]).toContain(4);
  });

  it('shows nothing of a lost life of the database', async () => {
    await connect();
    await inbox.reader.readClosed();
    inbox.open(3);
    await settle();
    inbox.open(1);
    await settle();
    expect(ids(inbox.threads.get(1)?.messages)).toEqual([10, 11, 12]);
    restore();
    inbox.on({ kind: 'frame', frame: resynced('new') });
    inbox.on({ kind: 'resync' });
    // What comes while all is read anew is in it.
    inbox.on({ kind: 'frame', frame: messageFrame(1_000_021, message(1_000_022)) });
    await settle();
    expect(ids(inbox.threads.get(1)?.messages)).toEqual([10, 1_000_022]);
    expect([...inbox.conversations.keys()]).toEqual([1, 3]);
    expect(inbox.conversations.get(1)?.last_message_preview).toBe('message 1000022');
    inbox.open(3);
    await settle();
    expect(ids(inbox.threads.get(3)?.messages)).toEqual([30]);
  });

  it('learns of another life from a page, too', async () => {
    await connect();
    inbox.open(1);
    await settle();
    restore();
    inbox.open(3);
    await settle();
    expect(ids(inbox.threads.get(3)?.messages)).toEqual([30]);
    expect(inbox.conversations.get(1)?.last_message_preview).toBe('kept');
    expect(inbox.threads.has(1)).toBe(false);
  });

  it('shows what is known until it was read anew', async () => {
    await connect();
    let answer = () => {};
    server.answers = new Promise((resolve) => (answer = resolve));
    inbox.on({ kind: 'resync' });
    await settle();
    expect(inbox.conversations.size).toBe(2);
    answer();
    server.conversations = [conversation(3)];
    await settle();
    expect([...inbox.conversations.keys()]).toEqual([3]);
  });

  it('forgets who was erased while it was away, also among the closed', async () => {
    await connect();
    await inbox.reader.readClosed();
    inbox.open(1);
    await settle();
    inbox.drafts.set(1, 'A draft');
    server.conversations = [conversation(3)];
    inbox.on({ kind: 'resync' });
    await settle();
    expect([...inbox.conversations.keys()]).toEqual([3]);
    expect(inbox.isGone).toBe(true);
    expect(inbox.gone).toMatchObject({ conversation: { id: 1 }, department: null });
    inbox.leave();
    expect(inbox.drafts.get(1)).toBe('');
  });

  it('forgets a conversation whose messages are no more', async () => {
    await connect();
    server.conversations = [conversation(3)];
    inbox.open(1);
    await settle();
    expect(inbox.isGone).toBe(true);
    expect(inbox.conversations.has(1)).toBe(false);
    expect(inbox.threads.has(1)).toBe(false);
  });

  it('tells where an open conversation went, and shows it again when it comes back', async () => {
    const transferred = (department: string): Frame => ({
      type: 'conversation_update',
      seq: 51,
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
    await connect();
    inbox.open(1);
    await settle();
    inbox.on({ kind: 'frame', frame: transferred('housekeeping') });
    await settle();
    expect(inbox.isGone).toBe(false);
    expect(inbox.toasts.list.map(({ text }) => text)).toEqual(['Transferred to housekeeping']);
    inbox.on({ kind: 'frame', frame: { ...transferred('restaurant'), seq: 52 } as Frame });
    await settle();
    expect(inbox.gone).toMatchObject({ conversation: { id: 1 }, department: 'restaurant' });
    expect(inbox.opened).toBeUndefined();
    inbox.on({
      kind: 'frame',
      frame: {
        type: 'new_conversation',
        seq: 53,
        data: {
          id: 1,
          guest_name: 'Amelia Hart',
          department: 'reception',
          conversation_type: 'general',
          status: 'active',
          created_at: at(0),
          last_message_preview: 'x',
          room_number: '204',
        },
      },
    });
    await settle();
    expect(inbox.opened?.id).toBe(1);
    expect(ids(inbox.threads.get(1)?.messages)).toEqual([10, 11, 12]);
  });

  it('reads the closed conversations of a department on their own', async () => {
    server.conversations.push(conversation(4, { status: 'closed', department: 'housekeeping' }));
    await connect();
    await inbox.reader.readClosed('housekeeping');
    expect([...inbox.conversations.keys()].sort()).toEqual([1, 3, 4]);
    await inbox.reader.readClosed('reception');
    expect(inbox.conversations.has(2)).toBe(true);
    expect(inbox.reader.closed('restaurant').done).toBe(false);
  });

  it('reads back to where the unread begins', async () => {
    server.conversations = [conversation(1, { unread_count: 450 })];
    server.messages.set(
      1,
      Array.from({ length: 500 }, (_, index) => message(index + 1)),
    );
    await connect();
    inbox.open(1);
    await settle();
    expect(inbox.readUpTo).toBe(50);
    expect(inbox.isSeeking).toBe(false);
  });

  it('keeps the messages of those that were opened lately, and of the open one', async () => {
    server.conversations = Array.from({ length: 60 }, (_, index) => conversation(index + 1));
    await connect();
    inbox.open(1);
    for (let id = 2; id <= 60; id += 1) inbox.threadReader.expect(id);
    await settle();
    expect(inbox.threads.size).toBe(40);
    expect(inbox.threadReader.loadings.size).toBeLessThanOrEqual(41);
    expect(inbox.threads.has(1)).toBe(true);
    expect(inbox.threads.has(60)).toBe(true);
  });

  it('reads again what failed without a connection, and drops what said so', async () => {
    const { backend } = server;
    let isDown = false;
    const request: Backend['request'] = (...given) =>
      isDown ? Promise.reject({ status: 0, code: 'unreachable', title: '', detail: '' }) : backend.request(...given);
    inbox = new Inbox({ ...backend, request }, me);
    await connect();
    inbox.on({ kind: 'connection', connection: { state: 'reconnecting', since: 0 } });
    isDown = true;
    await inbox.reader.readClosed();
    inbox.open(1);
    await settle();
    inbox.toasts.fail({ code: 'offline' });
    inbox.toasts.fail({ code: 'offline' }, () => {}, 'Not closed');
    expect(inbox.reader.closed(null).failure).not.toBeNull();
    isDown = false;
    inbox.on({ kind: 'connection', connection: { state: 'connected' } });
    await settle();
    expect(inbox.reader.closed(null).failure).toBeNull();
    expect(inbox.conversations.has(2)).toBe(true);
    expect(ids(inbox.threads.get(1)?.messages)).toEqual([10, 11, 12]);
    expect(inbox.toasts.list.map(({ text }) => text)).toEqual(['Not closed']);
  });
});

describe('loading', () => {
  it('only the newest run says how it went', async () => {
    const loading = new Loading();
    let fail: (reason: unknown) => void = () => {};
    const older = loading.run(() => new Promise((_, reject) => (fail = reject)));
    const newer = loading.run(() => Promise.resolve());
    expect(await newer).toBe(true);
    fail({ code: 'timeout' });
    expect(await older).toBe(false);
    expect(loading).toMatchObject({ busy: false, failure: null, done: true });
  });
});
