import { describe, expect, it, vi } from 'vitest';
import { Drafts } from './drafts';

function drafts(kept: [number, string][] = []) {
  const saves: { id: number; text: string; done: () => void; fail: () => void }[] = [];
  const failed = vi.fn();
  const backend = {
    drafts: () => Promise.resolve(kept),
    saveDraft: (id: number, text: string) =>
      new Promise<void>((done, fail) => saves.push({ id, text, done, fail: () => fail(new Error('full')) })),
  };
  return { drafts: new Drafts(backend, failed), saves, failed };
}

const settled = () => new Promise((resolve) => setTimeout(resolve));

describe('drafts', () => {
  it('are read once, and do not undo what was typed meanwhile', async () => {
    const { drafts: each } = drafts([
      [1, 'old'],
      [2, 'kept'],
      [3, 'sent meanwhile'],
    ]);
    each.set(1, 'new');
    each.set(3, '');
    await each.load();
    expect(each.all()).toEqual([
      [1, 'new'],
      [2, 'kept'],
    ]);
    expect(each.get(3)).toBe('');
  });

  it('are saved one at a time, of each the newest text', async () => {
    const { drafts: each, saves } = drafts();
    each.set(1, 'H');
    each.set(1, 'He');
    each.set(1, 'Hel');
    each.set(2, 'Yes');
    expect(saves.map(({ text }) => text)).toEqual(['H']);
    saves[0]?.done();
    await settled();
    expect(saves.map(({ text }) => text)).toEqual(['H', 'Hel']);
    saves[1]?.done();
    await settled();
    expect(saves.at(-1)).toMatchObject({ id: 2, text: 'Yes' });
    saves[2]?.done();
    await settled();
    each.set(2, '   ');
    expect(saves.at(-1)).toMatchObject({ id: 2, text: '' });
    expect(each.size).toBe(1);
  });

  it('that cannot be saved are reported once and stay on the screen', async () => {
    const { drafts: each, saves, failed } = drafts();
    each.set(1, 'a');
    saves[0]?.fail();
    await settled();
    each.set(1, 'ab');
    saves[1]?.fail();
    await settled();
    expect(failed).toHaveBeenCalledOnce();
    expect(each.get(1)).toBe('ab');
  });

  it('are kept up to 4,096 code points, without half a character', () => {
    const { drafts: each, saves } = drafts();
    const text = '👍'.repeat(4_097);
    each.set(1, text);
    expect(saves[0]?.text).toBe('👍'.repeat(4_096));
    expect(each.get(1)).toBe(text);
  });

  it('of another tab are taken without being saved again', () => {
    const { drafts: each, saves } = drafts();
    each.take(1, 'from there');
    expect(each.get(1)).toBe('from there');
    each.take(1, '');
    expect(each.size).toBe(0);
    expect(saves).toEqual([]);
  });
});
