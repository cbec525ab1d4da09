import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MAX_CHARS, MAX_TEXTS, Outbox, OVERDUE_AFTER_MS } from './outbox';
import type { OutboxText } from './types';

const text = (client_id: string, conversation_id = 1): OutboxText => ({
  client_id,
  conversation_id,
  content: client_id,
  created_at: '2026-11-23T12:00:00.000Z',
  state: 'waiting',
});

describe('the outbox', () => {
  let shown: OutboxText[] = [];
  const overdue = vi.fn();
  const states = () => shown.map(({ client_id, state }) => `${client_id} ${state}`);
  /** Hands over whatever may go; answers with what that was. */
  const take = (box: Outbox): string[] => {
    const taken: string[] = [];
    for (let text = box.next(); text; text = box.next()) {
      box.handedOver(text.client_id);
      taken.push(text.client_id);
    }
    return taken;
  };

  function outbox(): Outbox {
    const made = new Outbox(sessionStorage, (texts) => (shown = texts), overdue);
    made.open(7);
    return made;
  }

  beforeEach(() => {
    vi.useFakeTimers();
    sessionStorage.clear();
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

  it('keeps what was refused until it is tried again or withdrawn, and lets the next ones go', () => {
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
    expect(box.withdraw('a')).toBe(true);
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

  it('takes back only what the server cannot have', () => {
    const box = outbox();
    box.add(text('a'));
    box.add(text('b'));
    take(box);
    expect(box.withdraw('b')).toBe(true);
    expect(box.withdraw('a')).toBe(false);
    // Without an answer it may have arrived all the same, also as a reloaded page finds it.
    box.connectionLost();
    expect(box.withdraw('a')).toBe(false);
    expect(outbox().withdraw('a')).toBe(false);
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
    new Outbox(sessionStorage, (texts) => (shown = texts), overdue).open(8);
    expect(states()).toEqual([]);
    box.clear();
    outbox();
    expect(states()).toEqual([]);
  });
});
