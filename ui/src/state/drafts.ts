/** What was typed and not sent, by conversation. Survives a reload of the page, not the end of the session. */
export class Drafts {
  readonly #key: string;
  readonly #storage: Storage;
  readonly #drafts: Map<number, string>;

  constructor(storage: Storage, userId: number) {
    this.#storage = storage;
    this.#key = `frontdesk.drafts.${userId}`;
    this.#drafts = new Map(this.#kept());
  }

  get(conversationId: number): string {
    return this.#drafts.get(conversationId) ?? '';
  }

  set(conversationId: number, text: string): void {
    if (text.trim() === '') this.#drafts.delete(conversationId);
    else this.#drafts.set(conversationId, text);
    this.#storage.setItem(this.#key, JSON.stringify([...this.#drafts]));
  }

  clear(): void {
    this.#drafts.clear();
    this.#storage.removeItem(this.#key);
  }

  #kept(): [number, string][] {
    try {
      const kept: unknown = JSON.parse(this.#storage.getItem(this.#key) ?? '[]');
      return Array.isArray(kept) ? (kept as [number, string][]) : [];
    } catch {
      return [];
    }
  }
}
