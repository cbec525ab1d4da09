/**
 * Drafts in a browser: one entry of localStorage for each, so that two tabs never overwrite each other's. They belong
 * to a hotel, a person and a life of the database (its epoch): no text appears in a conversation of another hotel.
 */

/** Most drafts that one person keeps here; the oldest are dropped first. */
export const MAX_DRAFTS = 500;

interface Kept {
  text: string;
  /** When it was last changed, in milliseconds since 1970. */
  at: number;
}

export class DraftStore {
  readonly #storage: Storage;
  readonly #now: () => number;
  readonly #changed: (conversationId: number, text: string) => void;
  #person: string | null = null;
  #epoch: string | null = null;
  #isKnown: () => void = () => {};
  #known: Promise<void> = Promise.resolve();

  /** `changed`: another tab changed the draft of a conversation. */
  constructor(storage: Storage, now: () => number, changed: (conversationId: number, text: string) => void) {
    this.#storage = storage;
    this.#now = now;
    this.#changed = changed;
  }

  /** A person has signed in. */
  open(propertyId: number, userId: number): void {
    this.#person = `frontdesk.draft.${propertyId}.${userId}.`;
    this.#epoch = null;
    this.#known = new Promise((resolve) => (this.#isKnown = resolve));
  }

  /** Which life of the database the conversations belong to. */
  set epoch(epoch: string) {
    this.#epoch = epoch;
    this.#isKnown();
  }

  /** Conversation and text, the oldest first; waits until the epoch is known. */
  async all(): Promise<[number, string][]> {
    await this.#known;
    const prefix = this.#prefix;
    if (prefix === null) return [];
    const entries = this.#entries(prefix).sort((a, b) => a.kept.at - b.kept.at);
    return entries.map(({ key, kept }) => [Number(key.slice(prefix.length)), kept.text]);
  }

  /** An empty text removes the draft. Throws what the storage throws when it is full. */
  save(conversationId: number, text: string): void {
    const prefix = this.#prefix;
    if (prefix === null || this.#person === null) return;
    const key = `${prefix}${conversationId}`;
    if (text === '') {
      this.#storage.removeItem(key);
      return;
    }
    const isNew = this.#storage.getItem(key) === null;
    const kept: Kept = { text, at: this.#now() };
    this.#storage.setItem(key, JSON.stringify(kept));
    if (isNew) this.#dropOldest(this.#person);
  }

  /** The person has signed out: nothing of theirs stays. */
  clear(): void {
    if (this.#person !== null) for (const { key } of this.#entries(this.#person)) this.#storage.removeItem(key);
    this.#person = null;
    this.#epoch = null;
  }

  /** For the `storage` event, by which the browser reports what another tab did. */
  stored({ key, newValue }: Pick<StorageEvent, 'key' | 'newValue'>): void {
    const prefix = this.#prefix;
    if (prefix === null || !key?.startsWith(prefix)) return;
    this.#changed(Number(key.slice(prefix.length)), parse(newValue)?.text ?? '');
  }

  get #prefix(): string | null {
    return this.#person === null || this.#epoch === null ? null : `${this.#person}${this.#epoch}.`;
  }

  #dropOldest(person: string): void {
    const entries = this.#entries(person).sort((a, b) => a.kept.at - b.kept.at);
    for (const { key } of entries.slice(0, Math.max(0, entries.length - MAX_DRAFTS))) this.#storage.removeItem(key);
  }

  #entries(prefix: string): { key: string; kept: Kept }[] {
    const keys = Array.from({ length: this.#storage.length }, (_, index) => this.#storage.key(index) ?? '');
    return keys
      .filter((key) => key.startsWith(prefix))
      .flatMap((key) => {
        const kept = parse(this.#storage.getItem(key));
        return kept ? [{ key, kept }] : [];
      });
  }
}

function parse(value: string | null): Kept | null {
  try {
    const kept = JSON.parse(value ?? 'null') as Partial<Kept> | null;
    return typeof kept?.text === 'string' && typeof kept.at === 'number' ? { text: kept.text, at: kept.at } : null;
  } catch {
    return null;
  }
}
