/** Texts of this browser tab that the server has not answered. They survive a reload. */
import type { ErrorFrame } from '../protocol/ErrorFrame';
import type { OutboxText } from './types';

/** Most texts that may wait here, and most characters that they may have together. */
export const MAX_TEXTS = 1_000;
export const MAX_CHARS = 1_000_000;

/** After this long without an answer the screen says so. */
export const OVERDUE_AFTER_MS = 10_000;

export class Outbox {
  #texts: OutboxText[] = [];
  #key: string | null = null;
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #storage: Storage;
  readonly #changed: (texts: OutboxText[]) => void;
  readonly #overdue: () => void;

  constructor(storage: Storage, changed: (texts: OutboxText[]) => void, overdue: () => void) {
    this.#storage = storage;
    this.#changed = changed;
    this.#overdue = overdue;
  }

  get isEmpty(): boolean {
    return this.#texts.length === 0;
  }

  /** Takes up what this person left when the page was reloaded. */
  open(userId: number): void {
    this.#key = `frontdesk.outbox.${userId}`;
    try {
      const kept: unknown = JSON.parse(this.#storage.getItem(this.#key) ?? '[]');
      this.#texts = Array.isArray(kept) ? (kept as OutboxText[]) : [];
    } catch {
      this.#texts = [];
    }
    this.connectionLost();
  }

  /** Forgets everything: the person signed out. */
  clear(): void {
    this.#texts = [];
    this.#save();
    this.#key = null;
  }

  /** Whether there is no room for another text of this content. */
  isFull(content: string): boolean {
    const chars = this.#texts.reduce((sum, text) => sum + text.content.length, content.length);
    return this.#texts.length >= MAX_TEXTS || chars > MAX_CHARS;
  }

  add(text: OutboxText): void {
    this.#texts = [...this.#texts, text];
    this.#save();
  }

  /** The next text to be sent: one of each conversation at a time, which keeps their order. */
  next(): OutboxText | undefined {
    const busy = new Set(this.#texts.filter(({ state }) => state === 'sending').map((text) => text.conversation_id));
    return this.#texts.find(({ state, conversation_id }) => state === 'waiting' && !busy.has(conversation_id));
  }

  /** A text is on its way to the server. */
  handedOver(clientId: string): void {
    this.#set(clientId, { state: 'sending', may_have_arrived: true });
    this.#timers.set(
      clientId,
      setTimeout(() => this.#late(clientId), OVERDUE_AFTER_MS),
    );
    this.#save();
  }

  /** It came too fast for the server: it goes again, before those after it. */
  putBack(clientId: string): void {
    this.#stopTimer(clientId);
    this.#set(clientId, { state: 'waiting', overdue: false });
    this.#save();
  }

  answered(clientId: string): void {
    this.#remove(clientId);
  }

  refused(clientId: string, error: ErrorFrame): void {
    this.#stopTimer(clientId);
    this.#set(clientId, { state: 'not_sent', may_have_arrived: false, overdue: false, error });
    this.#save();
  }

  retry(clientId: string): void {
    this.#set(clientId, { state: 'waiting', overdue: false, error: undefined });
    this.#save();
  }

  /** Takes a text back. Returns false when the server may have it: then it stays. */
  withdraw(clientId: string): boolean {
    if (this.#texts.some((text) => text.client_id === clientId && text.may_have_arrived)) return false;
    this.#remove(clientId);
    return true;
  }

  /** What was on its way may have been stored or not: it is sent again, with the same id. */
  connectionLost(): void {
    for (const { client_id, state } of this.#texts) {
      this.#stopTimer(client_id);
      if (state === 'sending') this.#set(client_id, { state: 'waiting' });
    }
    this.#save();
  }

  #remove(clientId: string): void {
    this.#stopTimer(clientId);
    this.#texts = this.#texts.filter((text) => text.client_id !== clientId);
    this.#save();
  }

  #late(clientId: string): void {
    this.#set(clientId, { overdue: true });
    this.#save();
    this.#overdue();
  }

  #set(clientId: string, change: Partial<OutboxText>): void {
    this.#texts = this.#texts.map((text) => (text.client_id === clientId ? { ...text, ...change } : text));
  }

  #stopTimer(clientId: string): void {
    clearTimeout(this.#timers.get(clientId));
    this.#timers.delete(clientId);
  }

  #save(): void {
    if (this.#key !== null) {
      if (this.#texts.length > 0) this.#storage.setItem(this.#key, JSON.stringify(this.#texts));
      else this.#storage.removeItem(this.#key);
    }
    this.#changed(this.#texts);
  }
}
