/** What the attention rule is given, and what it decides. Times are milliseconds of the server's clock. */
import type { Conversation } from '../../protocol/Conversation';
import type { Frame } from '../../protocol/Frame';
import type { AlertPreferences, Pause, Presence } from '../types';

/** How the connection to the server stands. `lost`: events that come from now on are those that were missed. */
export type Link = 'connected' | 'resync' | 'lost' | 'signed_out';

/** Something that happened. */
export type Input =
  /** An event, each once, in order. */
  | { kind: 'frame'; frame: Frame }
  /** What `GET /chat/conversations/?waiting=true` has answered, all pages; `seq` is that of the first page. */
  | { kind: 'list'; seq: number; conversations: readonly Conversation[] }
  /**
   * The person's answers that could not be delivered: the newest one of each conversation in
   * `GET /chat/conversations/?not_reached=true`, whose `seq` this is.
   */
  | { kind: 'not_delivered'; seq: number; answers: readonly NotDelivered[] }
  | { kind: 'presence'; presence: Presence }
  /** The computer's screen was locked or unlocked. */
  | { kind: 'locked'; locked: boolean }
  /** Which conversation is on the screen. */
  | { kind: 'open'; conversation_id: number | null }
  | { kind: 'preferences'; preferences: AlertPreferences }
  | { kind: 'pause'; pause: Pause | null }
  /** The person wants no repeats for one period. */
  | { kind: 'silence' }
  /** The person created, reopened or transferred this conversation by a call over HTTP. */
  | { kind: 'own'; conversation_id: number }
  /** The person wrote this message. */
  | { kind: 'own_message'; message_id: number }
  | { kind: 'departments'; departments: readonly string[] }
  | { kind: 'connection'; connection: Link }
  /** Nothing, but time has passed. */
  | { kind: 'time' };

/** The conversation that a signal is about. */
export interface About {
  conversation_id: number;
  guest_name: string;
  room_number: string | null;
  /** Slug. */
  department: string;
  /** One line of the newest message. */
  preview: string;
  /** Since when the guest waits; `null` where nobody does. */
  waiting_since: number | null;
}

/** An answer of the person that could not be delivered. */
export interface NotDelivered {
  /** Its conversation. */
  about: About;
  message_id: number;
}

/** Something to show, and perhaps to sound. */
export interface Signal {
  /**
   * - `message`: a guest's message, or a waiting guest who arrived in one of the person's departments.
   * - `started`: a colleague started a conversation, and nobody waits in it.
   * - `many`: more than three of the above at once; `count` guests wait.
   * - `repeat`: `count` guests still wait.
   * - `undelivered`: `count` answers of the person were not delivered.
   * - `back`: the server can be reached again; `count` guests wait.
   */
  kind: 'message' | 'started' | 'many' | 'repeat' | 'undelivered' | 'offline' | 'signed_out' | 'back';
  /** The only conversation, or the one that has waited longest. */
  about: About | null;
  /** How many conversations it is about. */
  count: number;
  /** A guest has waited past the red limit. */
  urgent: boolean;
  /** Show a notification. A person who works in the window does not need one: the line above the list says the same. */
  notify: boolean;
  /** Play the person's sound. */
  sound: boolean;
}
