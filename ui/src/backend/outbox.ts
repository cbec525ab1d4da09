/**
 * Texts of this browser that the server has not answered: one entry of localStorage for each. All tabs of a person
 * show them, and one tab, the owner, sends them. They survive the end of the page, and a full storage: what cannot be
 * stored is sent by the tab in which it was written.
 */
import { t } from '../i18n';
import type { ErrorFrame } from '../protocol/ErrorFrame';
import { readStored, store } from './stored';
import type { OutboxText } from './types';

/** Most texts that may wait here, and most characters that they may have together. */
export const MAX_TEXTS = 1_000;
export const MAX_CHARS = 1_000_000;

/** After this long without an answer the screen says so. */
export const OVERDUE_AFTER_MS = 10_000;

/** The owner answers a withdrawal within this time, or does not run: then nobody sends the text. */
const OWNER_ANSWERS_WITHIN_MS = 1_500;

interface Stored extends OutboxText {
  /** Of the database that it was written for; `null`: not known yet. */
  epoch: string | null;
  /** In which order they were written. */
  order: number;
  /** Taken back in a tab that is not the owner. */
  isWithdrawn?: boolean;
}

export interface OutboxHandlers {
  changed: (texts: OutboxText[]) => void;
  /** A text has been on its way for too long. */
  overdue: () => void;
  /** Another tab has added or changed something. */
  received: () => void;
  /** Whether this tab sends. */
  isOwner: () => boolean;
}

export class Outbox {
  #texts = new Map<string, Stored>();
  /** Those that could not be stored. */
  readonly #unstored = new Set<string>();
  #prefix: string | null = null;
  #epoch: string | null = null;
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #storage: Storage;
  readonly #on: OutboxHandlers;

  constructor(storage: Storage, handlers: OutboxHandlers) {
    this.#storage = storage;
    this.#on = handlers;
  }

  get isEmpty(): boolean {
    return this.#shown().length === 0;
  }

  /** Takes up what this person has left in this browser. */
  open(propertyId: number, userId: number): void {
    this.#prefix = `frontdesk.outbox.${propertyId}.${userId}.`;
    this.#epoch = null;
    this.#unstored.clear();
    this.#texts = new Map();
    for (const key of Object.keys(this.#storage)) {
      if (key.startsWith(this.#prefix)) this.#read(key.slice(this.#prefix.length));
    }
    this.#show();
  }

  /** This tab is the owner now: what the one before had handed over may have arrived, and goes again. */
  own(): void {
    this.connectionLost();
  }

  /** Forgets everything: the person signed out. */
  clear(): void {
    for (const clientId of [...this.#texts.keys()]) this.#remove(clientId);
    this.#prefix = null;
    this.#show();
  }

  /** Forgets what is shown here; other tabs, and the next sign-in, still have it. */
  close(): void {
    for (const clientId of this.#timers.keys()) this.#stopTimer(clientId);
    this.#texts = new Map();
    this.#prefix = null;
  }

  /** Whether there is no room for another text of this content. */
  isFull(content: string): boolean {
    const chars = [...this.#texts.values()].reduce((sum, text) => sum + text.content.length, content.length);
    return this.#texts.size >= MAX_TEXTS || chars > MAX_CHARS;
  }

  /**
   * Which life of the database the server is in. Texts for another one go nowhere before their writer has looked:
   * where their conversation was, another guest may be. Returns whether there are any that would have gone.
   */
  setEpoch(epoch: string): boolean {
    this.#epoch = epoch;
    let hasOthers = false;
    for (const { client_id, conversation_id, state, epoch: written } of this.#texts.values()) {
      if (written === epoch) continue;
      if (written === null) this.#set(client_id, { epoch });
      else if (state !== 'not_sent' && this.#isMine(client_id)) {
        const error: ErrorFrame = { message: t('outbox.for_another_database'), client_id, conversation_id };
        this.#set(client_id, { state: 'not_sent', may_have_arrived: false, overdue: false, error });
        hasOthers = true;
      }
    }
    this.#show();
    return hasOthers;
  }

  add(text: OutboxText): void {
    const order = Math.max(0, ...[...this.#texts.values()].map((each) => each.order)) + 1;
    this.#put({ ...text, epoch: this.#epoch, order });
    this.#show();
  }

  /** Takes a text that an earlier version has kept for this tab. */
  adopt(text: OutboxText): void {
    if (!this.#texts.has(text.client_id)) this.add(text);
  }

  /** The next text to be sent by this tab: one of each conversation at a time, which keeps their order. */
  next(): OutboxText | undefined {
    const texts = this.#ordered();
    const busy = new Set(texts.filter(({ state }) => state === 'sending').map((text) => text.conversation_id));
    for (const { client_id, conversation_id, state, epoch } of texts) {
      if (state !== 'waiting' || epoch !== this.#epoch || busy.has(conversation_id)) continue;
      if (!this.#isMine(client_id)) {
        // What comes after it in the same conversation waits for it.
        busy.add(conversation_id);
        continue;
      }
      // It may have been withdrawn in another tab just now.
      const fresh = this.#read(client_id);
      if (fresh?.isWithdrawn === true) this.#remove(client_id);
      else if (fresh) return fresh;
    }
    return undefined;
  }

  /** A text is on its way to the server. */
  handedOver(clientId: string): void {
    this.#set(clientId, { state: 'sending', may_have_arrived: true });
    this.#timers.set(
      clientId,
      setTimeout(() => this.#late(clientId), OVERDUE_AFTER_MS),
    );
    this.#show();
  }

  /** It came too fast for the server: it goes again, before those after it. */
  putBack(clientId: string): void {
    this.#stopTimer(clientId);
    this.#set(clientId, { state: 'waiting', overdue: false });
    this.#show();
  }

  answered(clientId: string): void {
    this.#remove(clientId);
    this.#show();
  }

  refused(clientId: string, error: ErrorFrame): void {
    this.#stopTimer(clientId);
    this.#set(clientId, { state: 'not_sent', may_have_arrived: false, overdue: false, error });
    this.#show();
  }

  /** Queues a refused text again, for the database that is there now. */
  retry(clientId: string): void {
    this.#set(clientId, { state: 'waiting', overdue: false, error: undefined, epoch: this.#epoch });
    this.#show();
  }

  /** Takes a text back. Returns false when the server may have it: then it stays. */
  async withdraw(clientId: string): Promise<boolean> {
    const text = this.#read(clientId);
    if (text?.may_have_arrived === true) return false;
    if (text && !this.#isMine(clientId)) {
      this.#set(clientId, { isWithdrawn: true });
      this.#show();
      await this.#ownerAnswers(clientId);
      if (this.#read(clientId)?.may_have_arrived === true) {
        this.#show();
        return false;
      }
    }
    this.#remove(clientId);
    this.#show();
    return true;
  }

  /** What was on its way may have been stored or not: it is sent again, with the same id. */
  connectionLost(): void {
    for (const { client_id, state } of this.#texts.values()) {
      if (!this.#isMine(client_id)) continue;
      this.#stopTimer(client_id);
      if (state === 'sending') this.#set(client_id, { state: 'waiting' });
    }
    this.#show();
  }

  /** For the `storage` event, by which the browser reports what another tab did. `key` is `null` for everything. */
  stored(key: string | null): void {
    if (this.#prefix === null) return;
    if (key === null) this.#texts.forEach(({ client_id }) => this.#read(client_id));
    else if (key.startsWith(this.#prefix)) this.#read(key.slice(this.#prefix.length));
    else return;
    this.#answerWithdrawals();
    this.#show();
    this.#on.received();
  }

  /** Whether this tab sends it. */
  #isMine(clientId: string): boolean {
    return this.#on.isOwner() || this.#unstored.has(clientId);
  }

  /** Takes what is stored, unless it exists only here. */
  #read(clientId: string): Stored | undefined {
    if (this.#prefix === null || this.#unstored.has(clientId)) return this.#texts.get(clientId);
    const text = readStored<Stored>(this.#storage, this.#prefix + clientId);
    if (text) this.#texts.set(clientId, text);
    else {
      this.#texts.delete(clientId);
      this.#stopTimer(clientId);
    }
    return text ?? undefined;
  }

  /** As the owner: agrees to what others want to take back, or says that it may have arrived already. */
  #answerWithdrawals(): void {
    if (!this.#on.isOwner()) return;
    for (const { client_id, isWithdrawn, may_have_arrived } of [...this.#texts.values()]) {
      if (isWithdrawn !== true) continue;
      const isUnderWay = may_have_arrived === true || this.#timers.has(client_id);
      if (isUnderWay) this.#set(client_id, { may_have_arrived: true, isWithdrawn: false });
      else this.#remove(client_id);
    }
  }

  async #ownerAnswers(clientId: string): Promise<void> {
    const until = Date.now() + OWNER_ANSWERS_WITHIN_MS;
    while (this.#texts.get(clientId)?.isWithdrawn === true && Date.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  #ordered(): Stored[] {
    return [...this.#texts.values()].sort((a, b) => a.order - b.order || (a.client_id < b.client_id ? -1 : 1));
  }

  #shown(): Stored[] {
    return this.#ordered().filter(({ isWithdrawn }) => isWithdrawn !== true);
  }

  #remove(clientId: string): void {
    this.#stopTimer(clientId);
    this.#texts.delete(clientId);
    this.#unstored.delete(clientId);
    if (this.#prefix !== null) store(this.#storage, this.#prefix + clientId, null);
  }

  #late(clientId: string): void {
    this.#set(clientId, { overdue: true });
    this.#show();
    this.#on.overdue();
  }

  #set(clientId: string, change: Partial<Stored>): void {
    const text = this.#texts.get(clientId);
    if (text) this.#put({ ...text, ...change });
  }

  #put(text: Stored): void {
    this.#texts.set(text.client_id, text);
    if (this.#prefix === null) return;
    if (store(this.#storage, this.#prefix + text.client_id, text)) this.#unstored.delete(text.client_id);
    else {
      // An older state of it must not be taken for the present one.
      store(this.#storage, this.#prefix + text.client_id, null);
      this.#unstored.add(text.client_id);
    }
  }

  #stopTimer(clientId: string): void {
    clearTimeout(this.#timers.get(clientId));
    this.#timers.delete(clientId);
  }

  #show(): void {
    this.#on.changed(this.#shown());
  }
}
