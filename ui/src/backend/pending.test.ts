import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Acknowledgment } from '../protocol/Acknowledgment';
import { ANSWER_WITHIN_MS, Pending } from './pending';
import type { DirectCommand } from './types';

const close = (conversation_id: number): DirectCommand => ({ type: 'close_conversation', conversation_id });
const markRead = (conversation_id: number): DirectCommand => ({ type: 'mark_read', conversation_id });
const typing = (conversation_id: number): DirectCommand => ({ type: 'typing', conversation_id, is_typing: true });
const done = (status: 'marked_read' | 'conversation_closed', conversation_id: number): Acknowledgment => ({
  status,
  conversation_id,
  timestamp: '2026-11-23T12:00:00.000Z',
});
const denied = (conversation_id?: number) =>
  ({ message: 'Access denied', code: 'access_denied', conversation_id }) as const;

describe('commands', () => {
  const sent: string[] = [];
  const expired = vi.fn();
  const make = () => new Pending(({ type, conversation_id }) => sent.push(`${type} ${conversation_id}`), expired);
  /** How a command ended, as soon as it has. */
  const watch = (answer: Promise<unknown>) => {
    const outcome = vi.fn();
    answer.then(outcome, ({ code }: { code: string }) => outcome(code));
    return outcome;
  };

  beforeEach(() => {
    vi.useFakeTimers();
    sent.length = 0;
    expired.mockClear();
  });

  afterEach(() => vi.useRealTimers());

  it('of one conversation go one after another, those of others do not wait', async () => {
    const pending = make();
    const first = watch(pending.add(markRead(1)));
    const second = watch(pending.add(close(1)));
    pending.add(markRead(2)).catch(() => {});
    expect(sent).toEqual(['mark_read 1', 'mark_read 2']);
    pending.acknowledged(done('marked_read', 1));
    await vi.advanceTimersByTimeAsync(0);
    expect(first).toHaveBeenCalledWith(done('marked_read', 1));
    expect(second).not.toHaveBeenCalled();
    expect(sent.at(-1)).toBe('close_conversation 1');
  });

  it('a refusal settles the one that is under way in its conversation, and no other', async () => {
    const pending = make();
    const other = watch(pending.add(markRead(2)));
    const first = watch(pending.add(markRead(1)));
    const second = watch(pending.add(close(1)));
    pending.refused(denied());
    pending.refused(denied(3));
    pending.refused(denied(1));
    pending.acknowledged(done('conversation_closed', 1));
    await vi.advanceTimersByTimeAsync(0);
    expect(first).toHaveBeenCalledWith('access_denied');
    expect(second).toHaveBeenCalledWith(done('conversation_closed', 1));
    expect(other).not.toHaveBeenCalled();
  });

  it('typing is one of them: its refusal settles nothing that comes after', async () => {
    const pending = make();
    pending.add(typing(1)).catch(() => {});
    const closing = watch(pending.add(close(1)));
    expect(sent).toEqual(['typing 1']);
    pending.refused(denied(1));
    expect(sent).toEqual(['typing 1', 'close_conversation 1']);
    // Old news: it does not wait for its turn.
    pending.add(typing(1)).catch(() => {});
    pending.acknowledged(done('conversation_closed', 1));
    await vi.advanceTimersByTimeAsync(0);
    expect(closing).toHaveBeenCalledWith(done('conversation_closed', 1));
    expect(sent).toHaveLength(2);
  });

  it('typing that was not refused lets the next one go', () => {
    const pending = make();
    pending.add(typing(1)).catch(() => {});
    pending.add(close(1)).catch(() => {});
    vi.advanceTimersByTime(500);
    expect(sent).toEqual(['typing 1', 'close_conversation 1']);
  });

  it('one without an answer fails, and the connection with it', async () => {
    const pending = make();
    const closing = watch(pending.add(close(1)));
    await vi.advanceTimersByTimeAsync(ANSWER_WITHIN_MS);
    expect(closing).toHaveBeenCalledWith('timeout');
    expect(expired).toHaveBeenCalledOnce();
  });

  it('there is room for so many and no more', async () => {
    const pending = make();
    for (let id = 1; id <= 500; id += 1) pending.add(close(id)).catch(() => {});
    await expect(pending.add(close(501))).rejects.toMatchObject({ code: 'busy' });
    pending.connectionLost();
    expect(sent).toHaveLength(500);
  });
});
