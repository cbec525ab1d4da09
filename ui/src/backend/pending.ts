/**
 * Commands other than texts, until they are answered.
 *
 * Acknowledgments and refusals name a conversation but not a command: at most one command of each conversation is
 * under way, so that an answer can only mean that one.
 */
import type { Acknowledgment } from '../protocol/Acknowledgment';
import type { ErrorFrame } from '../protocol/ErrorFrame';
import type { DirectCommand, Failure } from './types';

export const ANSWER_WITHIN_MS = 10_000;
/** Most commands that may wait; a person does not reach it. */
const MAX_COMMANDS = 500;
/** `typing` is answered only when it is refused: after this long it was not. */
const TYPING_TAKES_MS = 500;

const acknowledgedBy: Partial<Record<DirectCommand['type'], Acknowledgment['status']>> = {
  subscribe_conversation: 'subscribed',
  unsubscribe_conversation: 'unsubscribed',
  mark_read: 'marked_read',
  close_conversation: 'conversation_closed',
};

interface Waiting {
  command: DirectCommand;
  answer: (answer: Acknowledgment | null) => void;
  refuse: (failure: Failure) => void;
  timer: ReturnType<typeof setTimeout>;
  underWay: boolean;
}

export class Pending {
  #commands: Waiting[] = [];
  readonly #send: (command: DirectCommand) => void;
  readonly #expired: () => void;

  /** `expired`: one was under way and got no answer in time. */
  constructor(send: (command: DirectCommand) => void, expired: () => void) {
    this.#send = send;
    this.#expired = expired;
  }

  /** Sends a command, now or after those of its conversation that are not answered yet. */
  add(command: DirectCommand): Promise<Acknowledgment | null> {
    const isTyping = command.type === 'typing';
    // Old news is worth nothing: it goes now or never.
    if (isTyping && this.#isBusy(command.conversation_id)) return Promise.resolve(null);
    return new Promise((answer, refuse) => {
      if (this.#commands.length >= MAX_COMMANDS) {
        refuse({ code: 'busy' } satisfies Failure);
        return;
      }
      const expire = () => (isTyping ? this.#settle(waiting) : this.#expire(waiting));
      const timer = setTimeout(expire, isTyping ? TYPING_TAKES_MS : ANSWER_WITHIN_MS);
      const waiting: Waiting = { command, answer, refuse, timer, underWay: false };
      this.#commands.push(waiting);
      this.#pump();
      if (isTyping) answer(null);
    });
  }

  acknowledged(acknowledgment: Acknowledgment): void {
    if (!('conversation_id' in acknowledgment)) return;
    const { status, conversation_id } = acknowledgment;
    const waiting = this.#underWay(conversation_id);
    if (waiting && acknowledgedBy[waiting.command.type] === status) this.#settle(waiting)?.answer(acknowledgment);
  }

  refused(error: ErrorFrame): void {
    if (error.conversation_id === undefined) return;
    this.#settle(this.#underWay(error.conversation_id))?.refuse(error);
  }

  connectionLost(): void {
    for (const { refuse, timer } of this.#commands.splice(0)) {
      clearTimeout(timer);
      refuse({ code: 'offline' } satisfies Failure);
    }
  }

  #isBusy(conversation: number): boolean {
    return this.#commands.some(({ command }) => command.conversation_id === conversation);
  }

  #underWay(conversation: number): Waiting | undefined {
    return this.#commands.find(({ command, underWay }) => underWay && command.conversation_id === conversation);
  }

  #settle(waiting: Waiting | undefined): Waiting | undefined {
    if (!waiting || !this.#commands.includes(waiting)) return undefined;
    clearTimeout(waiting.timer);
    this.#commands = this.#commands.filter((each) => each !== waiting);
    this.#pump();
    return waiting;
  }

  #expire(waiting: Waiting): void {
    this.#settle(waiting)?.refuse({ code: 'timeout' } satisfies Failure);
    this.#expired();
  }

  #pump(): void {
    const busy = new Set<number>();
    for (const waiting of this.#commands) {
      const { conversation_id } = waiting.command;
      if (!busy.has(conversation_id) && !waiting.underWay) {
        waiting.underWay = true;
        this.#send(waiting.command);
      }
      busy.add(conversation_id);
    }
  }
}
