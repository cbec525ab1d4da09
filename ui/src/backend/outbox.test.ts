import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startI18n } from '../i18n';
import { MAX_CHARS, MAX_TEXTS, Outbox, OVERDUE_AFTER_MS } from './outbox';
import { Ownership } from './ownership';
import type { OutboxText } from './types';

startI18n();

const text = (client_id: string, conversation_id = 1): OutboxText => ({
  client_id,
  conversation_id,
  content: client_id,
  created_at: '2026-11-23T12:00:00.000Z',
  state: 'waiting',
});

/** Hands over whatever may go; answers with what that was. */
const take = (box: Outbox): string[] => {
  const taken: string[] = [];
  for (let text = box.next(); text; text = box.next()) {
    box.handedOver(text.client_id);
    taken.push(text.client_id);
  }
  return taken;
};

describe('the outbox', () => {
  let shown: OutboxText[] = [];
  const overdue = vi.fn();
  const states = () => shown.map(({ client_id, state }) => `${client_id} ${state}`);
  function opened(user: number): Outbox {
    const made = new Outbox(localStorage, {
      changed: (texts) => (shown = texts),
      overdue,
      received: () => {},
      isOwner: () => true,
    });
    made.open(1, user);
    made.own();
    made.setEpoch('k3f');
    return made;
  }

  function outbox(): Outbox {
    return opened(7);
  }

  beforeEach(() => {
    vi.useFakeTimers();
    localStorage.clear();
    overdue.mockClear();
  });

  afterEach(() => vi.useRealTimers());

  it('has one text of each conversation on its way, in their order', () => {
    const box = outbox();
    for (const each of [text('a'), text('b'), text('c', 2)]) box.add(each);
    expect(take(box)).toEqual(['a', 'c']);
    expect(take(box)).toEqual([]);
    box.answered('a');
    expect(take(box)).toEqual(['b']);
    expect(states()).toEqual(['b sending', 'c sending']);
  });

  it('sends again, with the same id, what was on its way when the connection was lost', () => {
    const box = outbox();
    box.add(text('a'));
    take(box);
    box.connectionLost();
    expect(states()).toEqual(['a waiting']);
    expect(take(box)).toEqual(['a']);
  });

  it('keeps what was refused until it is tried again or withdrawn, and lets the next ones go', async () => {
    const box = outbox();
    box.add(text('a'));
    box.add(text('b'));
    take(box);
    box.refused('a', { message: 'Conversation is closed', code: 'conversation_closed' });
    expect(take(box)).toEqual(['b']);
    expect(states()).toEqual(['a not_sent', 'b sending']);
    box.answered('b');
    box.retry('a');
    expect(take(box)).toEqual(['a']);
    box.refused('a', { message: 'Conversation is closed', code: 'conversation_closed' });
    expect(await box.withdraw('a')).toBe(true);
    expect(box.isEmpty).toBe(true);
  });

  it('sends again, before those after it, what came too fast', () => {
    const box = outbox();
    for (const each of [text('a'), text('b')]) box.add(each);
    take(box);
    box.putBack('a');
    expect(states()).toEqual(['a waiting', 'b waiting']);
    expect(take(box)).toEqual(['a']);
  });

  it('takes back only what the server cannot have', async () => {
    const box = outbox();
    box.add(text('a'));
    box.add(text('b'));
    take(box);
    expect(await box.withdraw('b')).toBe(true);
    expect(await box.withdraw('a')).toBe(false);
    // Without an answer it may have arrived all the same, also as a reloaded page finds it.
    box.connectionLost();
    expect(await box.withdraw('a')).toBe(false);
    expect(await outbox().withdraw('a')).toBe(false);
    expect(states()).toEqual(['a waiting']);
  });

  it('has room for so much and no more', () => {
    const box = outbox();
    expect(box.isFull('x'.repeat(MAX_CHARS))).toBe(false);
    expect(box.isFull('x'.repeat(MAX_CHARS + 1))).toBe(true);
    box.add(text('a'));
    expect(box.isFull('x'.repeat(MAX_CHARS))).toBe(true);
    for (let number = 1; number < MAX_TEXTS; number += 1) box.add(text(`${number}`));
    expect(box.isFull('x')).toBe(true);
  });

  it('says after ten seconds that there is no answer', () => {
    const box = outbox();
    box.add(text('a'));
    take(box);
    vi.advanceTimersByTime(OVERDUE_AFTER_MS - 1);
    expect(overdue).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(overdue).toHaveBeenCalledOnce();
    expect(shown).toMatchObject([{ state: 'sending', overdue: true }]);
  });

  it('survives a reload for the same person, and no one else’s eyes', () => {
    const box = outbox();
    box.add(text('a'));
    take(box);
    outbox();
    expect(states()).toEqual(['a waiting']);
    opened(8);
    expect(states()).toEqual([]);
    box.clear();
    outbox();
    expect(states()).toEqual([]);
  });
});

describe('the outbox of a browser with several tabs', () => {
  /** Each tab has its own memory; the storage is one, and reports to the others what one of them wrote. */
  class Tab {
    shown: OutboxText[] = [];
    sent: string[] = [];
    isOwner = false;
    readonly box: Outbox;

    constructor(private readonly tabs: Tab[]) {
      const storage = new Proxy(localStorage, {
        get: (target, name) => {
          const member = Reflect.get(target, name) as unknown;
          if (typeof member !== 'function') return member;
          return (key: string, ...rest: unknown[]) => {
            const answer = (member as (...words: unknown[]) => unknown).call(target, key, ...rest);
            if (name === 'setItem' || name === 'removeItem') this.#report(key);
            return answer;
          };
        },
      });
      this.box = new Outbox(storage, {
        changed: (texts) => (this.shown = texts),
        overdue: () => {},
        received: () => this.send(),
        isOwner: () => this.isOwner,
      });
      this.box.open(1, 7);
      this.box.setEpoch('k3f');
      tabs.push(this);
    }

    send(): void {
      this.sent.push(...take(this.box));
    }

    /** As the browser does: later. */
    #report(key: string): void {
      for (const other of this.tabs) if (other !== this) queueMicrotask(() => other.box.stored(key));
    }
  }

  let owner: Tab;
  let other: Tab;

  beforeEach(() => {
    vi.useFakeTimers();
    localStorage.clear();
    const tabs: Tab[] = [];
    owner = new Tab(tabs);
    other = new Tab(tabs);
    owner.isOwner = true;
  });

  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  const settle = () => vi.advanceTimersByTimeAsync(100);
  const contents = (tab: Tab) => tab.shown.map(({ client_id, state }) => `${client_id} ${state}`);

  it('is shown in all of them and sent by one', async () => {
    other.box.add(text('a'));
    other.send();
    await settle();
    expect([owner.sent, other.sent]).toEqual([['a'], []]);
    expect(contents(other)).toEqual(['a sending']);
    owner.box.answered('a');
    await settle();
    expect(contents(other)).toEqual([]);
  });

  it('does not send what was taken back in another tab', async () => {
    owner.box.connectionLost();
    const isLive = vi.spyOn(owner, 'send').mockImplementation(() => {});
    owner.box.add(text('a'));
    owner.box.add(text('b'));
    await settle();
    const withdrawn = other.box.withdraw('a');
    await settle();
    expect(await withdrawn).toBe(true);
    isLive.mockRestore();
    owner.send();
    expect(owner.sent).toEqual(['b']);
    expect(contents(owner)).toEqual(['b sending']);
  });

  it('does not send what was taken back while the owner had not noticed yet', async () => {
    vi.spyOn(owner, 'send').mockImplementation(() => {});
    owner.box.add(text('a'));
    await settle();
    vi.mocked(owner.send).mockRestore();
    void other.box.withdraw('a');
    // Before the browser has reported it.
    owner.send();
    expect(owner.sent).toEqual([]);
    await settle();
    expect(contents(owner)).toEqual([]);
  });

  it('says that a text cannot be taken back when the owner has handed it over', async () => {
    other.box.add(text('a'));
    const withdrawn = other.box.withdraw('a');
    localStorage.setItem(
      'frontdesk.outbox.1.7.a',
      JSON.stringify({ ...owner.shown[0], ...text('a'), may_have_arrived: true }),
    );
    other.box.stored('frontdesk.outbox.1.7.a');
    await settle();
    expect(await withdrawn).toBe(false);
    expect(contents(other)).toEqual(['a waiting']);
  });

  it('takes a text back when the owner does not run any more, and it stays taken back', async () => {
    owner.box.close();
    other.box.add(text('a'));
    const withdrawn = other.box.withdraw('a');
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await withdrawn).toBe(true);
    other.isOwner = true;
    other.box.own();
    other.send();
    expect(other.sent).toEqual([]);
  });

  it('goes on in another tab when the owner is gone', async () => {
    owner.box.add(text('a'));
    owner.send();
    await settle();
    owner.box.close();
    other.isOwner = true;
    other.box.own();
    other.send();
    expect(other.sent).toEqual(['a']);
    expect(await other.box.withdraw('a')).toBe(false);
  });

  it('sends what a full storage does not take, from the tab in which it was written', async () => {
    vi.spyOn(Storage.prototype, 'setItem').mockImplementation(() => {
      throw new DOMException('full', 'QuotaExceededError');
    });
    other.box.add(text('a'));
    other.send();
    await settle();
    expect([owner.sent, other.sent]).toEqual([[], ['a']]);
    other.box.answered('a');
    expect(contents(other)).toEqual([]);
  });

  it('sends nothing to another database, until somebody has looked', async () => {
    owner.box.add(text('a'));
    expect(owner.box.setEpoch('m2x')).toBe(true);
    owner.send();
    expect(owner.sent).toEqual([]);
    expect(contents(owner)).toEqual(['a not_sent']);
    expect(owner.shown[0]?.error?.message).toMatch(/^The server’s data was replaced/u);
    owner.box.retry('a');
    owner.send();
    expect(owner.sent).toEqual(['a']);
  });
});

describe('the ownership without Web Locks', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    localStorage.clear();
  });
  afterEach(() => vi.useRealTimers());

  it('is one tab’s, and passes on within seconds when that ends or is not woken any more', () => {
    const became: string[] = [];
    const tab = (name: string) => new Ownership('owner', localStorage, undefined, () => became.push(name));
    const [first, second] = [tab('first'), tab('second')];
    vi.advanceTimersByTime(1_000);
    expect([first.isOwner, second.isOwner]).toEqual([true, false]);
    vi.advanceTimersByTime(60_000);
    expect([first.isOwner, second.isOwner]).toEqual([true, false]);
    first.end();
    vi.advanceTimersByTime(2_000);
    expect(second.isOwner).toBe(true);
    expect(became).toEqual(['first', 'second']);
    second.end();
  });

  it('is nobody’s twice when two tabs write at the same time', () => {
    const first = new Ownership('owner', localStorage, undefined, () => {});
    // The other one read before the first had written.
    localStorage.setItem('owner', JSON.stringify({ tab: 'other', until: Date.now() + 3_000 }));
    vi.advanceTimersByTime(1_000);
    expect(first.isOwner).toBe(false);
    first.end();
  });
});
