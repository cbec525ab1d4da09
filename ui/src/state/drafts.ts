/** What was typed and not sent, by conversation. The backend keeps it; this is what the screen shows of it. */
import { SvelteMap } from 'svelte/reactivity';
import type { Backend } from '../backend/types';

/** Most code points that are kept of one: the longest message that the server takes. */
const MAX_CODE_POINTS = 4_096;

export class Drafts {
  readonly #backend: Pick<Backend, 'drafts' | 'saveDraft'>;
  readonly #failed: () => void;
  readonly #drafts = new SvelteMap<number, string>();
  /** Changed since the start: what was kept before is older. */
  readonly #changed = new Set<number>();
  /** What is still to be saved: of each conversation only the newest text. */
  readonly #unsaved = new Map<number, string>();
  #isSaving = false;
  #hasFailed = false;

  /** `failed` is called once, when a draft could not be saved. */
  constructor(backend: Pick<Backend, 'drafts' | 'saveDraft'>, failed: () => void) {
    this.#backend = backend;
    this.#failed = failed;
  }

  get size(): number {
    return this.#drafts.size;
  }

  /** Conversations with their drafts. */
  all(): [number, string][] {
    return [...this.#drafts];
  }

  get(conversationId: number): string {
    return this.#drafts.get(conversationId) ?? '';
  }

  set(conversationId: number, text: string): void {
    this.take(conversationId, text);
    this.#unsaved.set(conversationId, firstCodePoints(this.get(conversationId)));
    void this.#save();
  }

  /** Shows a text without saving it: another tab has saved it, or it is on its way to the outbox. */
  take(conversationId: number, text: string): void {
    this.#changed.add(conversationId);
    this.#show(conversationId, text);
  }

  #show(conversationId: number, text: string): void {
    if (text.trim() === '') this.#drafts.delete(conversationId);
    else this.#drafts.set(conversationId, text);
  }

  /** Reads what was kept. */
  async load(): Promise<void> {
    const kept = await this.#backend.drafts().catch(() => null);
    for (const [id, text] of kept ?? []) if (!this.#changed.has(id)) this.#show(id, text);
  }

  /** Saves all of them again: the database has another life now. */
  saveAgain(): void {
    for (const [id, text] of this.#drafts) this.#unsaved.set(id, firstCodePoints(text));
    void this.#save();
  }

  /** Forgets what the screen shows; the backend forgets what it keeps when the person signs out. */
  clear(): void {
    this.#unsaved.clear();
    this.#drafts.clear();
  }

  /** One at a time: somebody who types fast waits for no disk, and the last text is saved last. */
  async #save(): Promise<void> {
    if (this.#isSaving) return;
    this.#isSaving = true;
    for (const [id, text] of this.#unsaved) {
      this.#unsaved.delete(id);
      try {
        await this.#backend.saveDraft(id, text);
      } catch {
        if (!this.#hasFailed) this.#failed();
        this.#hasFailed = true;
      }
    }
    this.#isSaving = false;
  }
}

function firstCodePoints(text: string): string {
  return text.length <= MAX_CODE_POINTS ? text : [...text].slice(0, MAX_CODE_POINTS).join('');
}
