/** Asks for pages of lists and messages. All that stands on one desk comes from one life of the database. */
import type { Backend } from '../backend/types';
import type { Conversation } from '../protocol/Conversation';
import type { ConversationPage } from '../protocol/ConversationPage';
import type { MessagePage } from '../protocol/MessagePage';
import type { Desk } from './desk';
import { codeOf } from './failure';

const LIST = '/chat/conversations/';

/** Where a desk stands. */
export interface Place {
  desk: Desk;
}

export type Query = Readonly<Record<string, string | number | null>>;

export class Pages {
  readonly #backend: Backend;
  readonly #place: Place;
  readonly #over: () => void;

  /** `over`: a page came from another life of the database. */
  constructor(backend: Backend, place: Place, over: () => void) {
    this.#backend = backend;
    this.#place = place;
    this.#over = over;
  }

  async conversations(query: Query): Promise<ConversationPage> {
    return this.#inLife(await this.#backend.request<ConversationPage>('GET', `${LIST}?${searched(query)}`));
  }

  async messages(id: number, query: Query): Promise<MessagePage> {
    return this.#inLife(await this.#backend.request<MessagePage>('GET', `${LIST}${id}/messages/?${searched(query)}`));
  }

  one(id: number): Promise<Conversation> {
    return this.#backend.request('GET', `${LIST}${id}/`);
  }

  #inLife<P extends { epoch: string }>(page: P): P {
    const { desk } = this.#place;
    if (desk.epoch === null) this.#place.desk = { ...desk, epoch: page.epoch };
    else if (desk.epoch !== page.epoch) {
      this.#over();
      throw { code: 'another_life' };
    }
    return page;
  }
}

/** Whether a conversation is not there any more, or not for this person. */
export function isGone(failure: unknown): boolean {
  return isDenied(failure) || ['conversation_not_found', 'not_found'].includes(codeOf(failure));
}

/** Whether a conversation is there, but not for this person. */
export function isDenied(failure: unknown): boolean {
  return ['access_denied', 'forbidden'].includes(codeOf(failure));
}

function searched(query: Query): URLSearchParams {
  const given = Object.entries(query).filter(([, value]) => value !== null);
  return new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
}
