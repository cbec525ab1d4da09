/** The person's own transfers of conversations to other departments, and taking them back. */
import type { Backend } from '../backend/types';
import { t } from '../i18n';
import type { Conversation } from '../protocol/Conversation';
import type { TransferBody } from '../protocol/TransferBody';
import type { User } from '../protocol/User';
import type { Known } from './desk';
import { wordsFor } from './failure';
import { titleOf } from './names';
import type { Toasts } from './toasts.svelte';

/** For so long the server lets a transfer be taken back. */
const UNDO_MS = 10_000;

/** Where the transfers happen. */
export interface TransferSources {
  readonly backend: Backend;
  readonly toasts: Toasts;
  readonly user: User;
  readonly conversations: ReadonlyMap<number, Known>;
  readonly openId: number | null;
  nameOf(department: string): string;
  open(id: number): void;
  leave(): void;
  took(conversation: Conversation): void;
}

export class Transfers {
  /** The last one, of which the person needs no notice. */
  #last: TransferBody | null = null;
  readonly #of: TransferSources;

  constructor(sources: TransferSources) {
    this.#of = sources;
  }

  /** Whether the person transferred this conversation; with a department: there. */
  isOwn(id: number, department?: string): boolean {
    return this.#last?.conversation_id === id && (department === undefined || this.#last.department === department);
  }

  /** `note`: for the staff there; empty: none. */
  async transfer(id: number, department: string, note: string): Promise<void> {
    const { conversations, toasts, user } = this.#of;
    const conversation = conversations.get(id);
    const from = conversation?.department;
    await this.#send(id, department, note);
    if (this.#of.openId === id && !user.departments.includes(department)) this.#of.leave();
    const who = conversation ? titleOf(conversation) : '';
    const undo = from === undefined ? null : { label: t('toast.undo'), run: () => this.#takeBack(id, from, who) };
    toasts.say(t('toast.transferred_guest', { who, department: this.#of.nameOf(department) }), undo, UNDO_MS);
  }

  async #send(id: number, department: string, note = ''): Promise<Conversation> {
    const body: TransferBody = { conversation_id: id, department, ...(note === '' ? {} : { note }) };
    this.#last = body;
    return this.#of.backend.request<Conversation>('POST', '/chat/conversations/transfer/', body);
  }

  /** Possible for 10 s, and until somebody in the new department has written. */
  async #takeBack(id: number, department: string, who: string): Promise<void> {
    try {
      this.#of.took(await this.#send(id, department));
      if (this.#of.openId === null) this.#of.open(id);
    } catch (failure) {
      this.#of.toasts.fail(failure, null, t('toast.not_transferred_back', { who, reason: wordsFor(failure) }));
    }
  }
}
