import { beforeEach, describe, expect, it, vi } from 'vitest';
import { DraftStore, MAX_DRAFTS } from './drafts';

let now = 0;
const changed = vi.fn();
const store = (epoch: string | null = 'k3f', property = 1, user = 7): DraftStore => {
  const drafts = new DraftStore(localStorage, () => ++now, changed);
  drafts.open(property, user);
  if (epoch !== null) drafts.epoch = epoch;
  return drafts;
};

beforeEach(() => {
  localStorage.clear();
  changed.mockReset();
});

describe('drafts in a browser', () => {
  it('are there after the page is loaded again, the oldest first', async () => {
    const drafts = store();
    drafts.save(2, 'second');
    drafts.save(1, 'fi');
    drafts.save(3, 'x');
    drafts.save(2, 'second, changed');
    drafts.save(3, '');
    expect(await store().all()).toEqual([
      [1, 'fi'],
      [2, 'second, changed'],
    ]);
  });

  it('belong to one hotel, one person and one life of the database', async () => {
    store().save(1, 'mine');
    expect(await store('k3f', 2).all()).toEqual([]);
    expect(await store('k3f', 1, 8).all()).toEqual([]);
    expect(await store('other').all()).toEqual([]);
    // The key prefix of one person is not the beginning of another person's.
    expect(await store('k3f', 1, 77).all()).toEqual([]);
    expect(await store().all()).toEqual([[1, 'mine']]);
  });

  it('are read when the epoch is known', async () => {
    store().save(1, 'mine');
    const drafts = store(null);
    const all = drafts.all();
    drafts.epoch = 'k3f';
    expect(await all).toEqual([[1, 'mine']]);
  });

  it('are 500 at most, the newest', async () => {
    store('before').save(9_999, 'of another life');
    const drafts = store();
    for (let id = 1; id <= MAX_DRAFTS + 2; id += 1) drafts.save(id, `draft ${id}`);
    const all = await drafts.all();
    expect(all).toHaveLength(MAX_DRAFTS);
    expect(all[0]).toEqual([3, 'draft 3']);
    expect(await store('before').all()).toEqual([]);
  });

  it('of two tabs do not overwrite each other', async () => {
    const [first, second] = [store(), store()];
    first.save(1, 'from the first');
    second.save(2, 'from the second');
    first.save(1, 'from the first, longer');
    expect(await store().all()).toEqual([
      [2, 'from the second'],
      [1, 'from the first, longer'],
    ]);
  });

  it('are reported when another tab changes them', () => {
    const drafts = store();
    const key = 'frontdesk.draft.1.7.k3f.12';
    drafts.stored({ key, newValue: JSON.stringify({ text: 'Hello', at: 1 }) });
    drafts.stored({ key, newValue: null });
    drafts.stored({ key: 'frontdesk.draft.1.8.k3f.12', newValue: '{}' });
    drafts.stored({ key: null, newValue: null });
    expect(changed.mock.calls).toEqual([
      [12, 'Hello'],
      [12, ''],
    ]);
  });

  it('are all gone after signing out, and only the person’s own', async () => {
    store('before').save(1, 'old');
    store('k3f', 1, 8).save(1, 'a colleague’s');
    const drafts = store();
    drafts.save(1, 'mine');
    drafts.clear();
    expect(await store().all()).toEqual([]);
    expect(await store('before').all()).toEqual([]);
    expect(await store('k3f', 1, 8).all()).toEqual([[1, 'a colleague’s']]);
  });

  it('that somebody else wrote there in another form are passed over', async () => {
    localStorage.setItem('frontdesk.draft.1.7.k3f.1', 'not JSON');
    localStorage.setItem('frontdesk.draft.1.7.k3f.2', '{"text":5}');
    expect(await store().all()).toEqual([]);
  });
});
