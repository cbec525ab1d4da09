/** The person's own transfers of conversations to other departments, and taking them back. */
import type { Backend } from '../backend/types';
import { t } from '../i18n';
import type { Conversation } from '../protocol/Conversation';
import type { Line } from '../protocol/Line';
import type { MessagePage } from '../protocol/MessagePage';
import type { TransferDetail } from '../protocol/TransferDetail';
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

  /**
   * `note`: for the staff there; empty: none. Returns whether the person has transferred it: a call for the department
   * that a conversation is in already changes nothing, and no one gets its note.
   */
  async transfer(id: number, department: string, note: string): Promise<boolean> {
    const { conversations, toasts, user } = this.#of;
    const conversation = conversations.get(id);
    const from = conversation?.department;
    const made = await this.#send(id, department, note);
    if (user.departments.includes(department) && !(await this.#isFromHere(id, department, note))) {
      this.#last = null;
      this.#of.took(made);
      return false;
    }
    if (this.#of.openId === id && !user.departments.includes(department)) this.#of.leave();
    const who = conversation ? titleOf(conversation) : '';
    const undo = from === undefined ? null : { label: t('toast.undo'), run: () => this.#takeBack(id, from, who) };
    toasts.say(t('toast.transferred_guest', { who, department: this.#of.nameOf(department) }), undo, UNDO_MS);
    return true;
  }

  /** Whether the newest transfer to this department is this person's, with this note. */
  async #isFromHere(id: number, department: string, note: string): Promise<boolean> {
    try {
      const path = `/chat/conversations/${id}/messages/?limit=1`;
      const { lines } = await this.#of.backend.request<MessagePage>('GET', path);
      const detailOf = ({ detail }: Line) => (detail ?? {}) as Partial<TransferDetail>;
      const line = lines.findLast((each) => each.kind === 'transferred' && detailOf(each).department === department);
      return line?.staff_id === this.#of.user.id && (detailOf(line).note ?? '') === note;
    } catch {
      // The server has said that it is there.
      return true;
    }
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
