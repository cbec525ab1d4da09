import { describe, expect, it } from 'vitest';
import type { Known } from './desk';
import { at, conversation } from './fixtures';
import { listed, sortKeyOf, type Tab } from './lists';
import { SearchResults } from './results';
import { StillList } from './still';

/** A list as the person sees it, while other people change what stands in it. */
class Screen {
  readonly known = new Map<number, Known>();
  readonly #still = new StillList();
  tab: Tab = 'open';
  isHeld = false;

  constructor(...conversations: Known[]) {
    for (const each of conversations) this.known.set(each.id, each);
  }

  change(id: number, change: Partial<Known>): void {
    this.known.set(id, { ...(this.known.get(id) ?? conversation(id)), ...change });
  }

  see() {
    const next = listed(this.known.values(), { tab: this.tab, department: null, mine: () => true, kept: null });
    const { rows, above, gone } = this.#still.show(this.tab, next, {
      isHeld: this.isHeld,
      known: this.known,
      sortKey: sortKeyOf(this.tab),
    });
    return { ids: rows.map(({ id }) => id), above, rows, gone: [...gone] };
  }
}

describe('rows keep their places', () => {
  const screen = () =>
    new Screen(...[1, 2, 3, 4].map((id) => conversation(id, { last_message_at: at(10 - id), waiting_since: at(id) })));

  it('while they are pointed at and guests write, and what came is counted', () => {
    const open = screen();
    expect(open.see()).toMatchObject({ ids: [1, 2, 3, 4], above: 0 });
    open.isHeld = true;
    open.change(3, { last_message_at: at(20), last_message_preview: 'Hello?' });
    open.change(9, { last_message_at: at(21) });
    const seen = open.see();
    expect(seen).toMatchObject({ ids: [1, 2, 3, 4], above: 2 });
    expect(seen.rows[2]?.last_message_preview).toBe('Hello?');
    // The same once more: looking again changes nothing.
    expect(open.see()).toMatchObject({ ids: [1, 2, 3, 4], above: 2 });
    open.isHeld = false;
    expect(open.see()).toMatchObject({ ids: [9, 3, 1, 2, 4], above: 0 });
  });

  it('also when one of them leaves the list, is closed or is gone', () => {
    const waiting = screen();
    waiting.tab = 'waiting';
    waiting.see();
    waiting.isHeld = true;
    waiting.change(1, { waiting_since: null });
    waiting.change(2, { status: 'closed', waiting_since: null });
    waiting.known.delete(3);
    expect(waiting.see()).toMatchObject({ ids: [1, 2, 3, 4], above: 0, gone: [3] });
    waiting.isHeld = false;
    expect(waiting.see()).toMatchObject({ ids: [4], gone: [] });
  });

  it('what comes after all of them is added at the end', () => {
    const waiting = screen();
    waiting.tab = 'waiting';
    waiting.see();
    waiting.isHeld = true;
    waiting.change(7, { waiting_since: at(30) });
    waiting.change(8, { waiting_since: at(31) });
    expect(waiting.see()).toMatchObject({ ids: [1, 2, 3, 4, 7, 8], above: 0 });
  });

  it('another list starts in its proper order', () => {
    const open = screen();
    open.see();
    open.isHeld = true;
    open.change(3, { last_message_at: at(20) });
    open.see();
    open.tab = 'waiting';
    expect(open.see().ids).toEqual([1, 2, 3, 4]);
    open.tab = 'open';
    expect(open.see().ids).toEqual([3, 1, 2, 4]);
  });
});

describe('search results', () => {
  const guest = (id: number, name: string, change: Partial<Known> = {}) =>
    conversation(id, {
      guest_info: { id, name, room_number: null, whatsapp_number: null, language: null },
      ...change,
    });

  it('keep still, below the guests who write meanwhile', () => {
    const known = new Map<number, Known>(
      [
        guest(1, 'Amelia Hart', { last_message_at: at(5) }),
        guest(2, 'Amelia Stone', { last_message_at: at(4) }),
        guest(3, 'Jo Okafor', { last_message_at: at(3) }),
      ].map((each) => [each.id, each]),
    );
    const results = new SearchResults();
    const list = (found: number[] = [], isFound = true) =>
      results.list(known, {
        key: 'amelia',
        query: 'amelia',
        department: null,
        found: new Set(found),
        isFound,
        mine: () => true,
      });
    const see = (...args: Parameters<typeof list>) => list(...args).rows.map(({ id }) => id);
    const write = (id: number, minutes: number, name = 'Jo Okafor') =>
      known.set(id, guest(id, name, { last_message_at: at(minutes), waiting_since: at(minutes) }));
    expect(see([], false)).toEqual([1, 2]);
    known.set(8, guest(8, 'Found by the server', { last_message_at: at(1) }));
    expect(see([8])).toEqual([1, 2, 8]);
    write(2, 20, 'Amelia Stone');
    expect(see([8])).toEqual([1, 2, 8]);
    write(3, 21);
    expect(see([8])).toEqual([3, 1, 2, 8]);
    write(4, 22, 'Amelia Winter');
    expect(see([8])).toEqual([4, 3, 1, 2, 8]);
    expect([...list([8]).wrote]).toEqual([4, 3]);
    // A further page of what the server found.
    known.set(9, guest(9, 'Found later', { last_message_at: at(2) }));
    expect(see([8, 9])).toEqual([4, 3, 1, 2, 8, 9]);
    results.clear();
    expect(see([8, 9])).toEqual([4, 2, 1, 9, 8]);
    expect([...list([8, 9]).wrote]).toEqual([]);
  });
});
