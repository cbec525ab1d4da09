/** What a conversation's log shows, line by line: days, the "new" line, messages and texts on their way. */
import type { OutboxText } from '../backend/types';
import type { Message } from '../protocol/Message';

export type Row =
  | { kind: 'day'; key: string; at: string }
  | { kind: 'new'; key: string }
  | {
      kind: 'message';
      key: string;
      message: Message;
      mine: boolean;
      /** First of a group: shows its sender. */
      first: boolean;
      /** Last of a group: has the tail. */
      last: boolean;
    }
  | { kind: 'text'; key: string; text: OutboxText; first: boolean; last: boolean };

/** Messages of one sender closer together than this stand as a group. */
const GROUP_MS = 5 * 60_000;

export interface RowsInput {
  messages: readonly Message[];
  outbox: readonly OutboxText[];
  me: number;
  /** The newest message that was read when the conversation was opened. */
  readUpTo: number | null;
  /** The calendar day of an instant, in the property's zone. */
  dayOf: (at: string) => string;
}

interface Line {
  at: string;
  sender: string;
  row: Extract<Row, { kind: 'message' | 'text' }>;
}

/**
 * Makes the rows of one conversation, again and again as messages come. What was made before is kept where only older
 * messages came before it, or newer ones after it: a long conversation is not made anew for every page of it.
 */
export class RowMaker {
  #input: RowsInput | null = null;
  #rows: readonly Row[] = [];

  rows(input: RowsInput): readonly Row[] {
    this.#rows = this.#moreOf(input) ?? rowsOf(input);
    this.#input = input;
    return this.#rows;
  }

  #moreOf(input: RowsInput): readonly Row[] | null {
    const before = this.#input;
    if (before === null || before.messages.length === 0) return null;
    if (input.me !== before.me || input.readUpTo !== before.readUpTo || input.dayOf !== before.dayOf) return null;
    const same = before.messages.findIndex((message, index) => message !== input.messages[index]);
    if (same !== 0) return this.#from(same < 0 ? before.messages.length : same, input);
    const older = input.messages.length - before.messages.length;
    const isOlderOnly = isAt(older, before.messages, input.messages) && isAt(0, before.outbox, input.outbox);
    return isOlderOnly && input.outbox.length === before.outbox.length ? this.#withOlder(input, older) : null;
  }

  /** So many messages are the same. The last of them is made once more: it may no longer be the last of its group. */
  #from(same: number, input: RowsInput): readonly Row[] | null {
    const last = same - 1;
    const at = this.#rows.findLastIndex((row) => row.kind === 'message' && row.message === input.messages[last]);
    const known = this.#rows[at];
    if (known?.kind !== 'message') return null;
    const kept = this.#rows.slice(0, at);
    const isNewShown = kept.some(({ kind }) => kind === 'new');
    const made = build(linesOf(input, last), { ...input, readUpTo: isNewShown ? null : input.readUpTo });
    const again = made.findIndex(({ kind }) => kind === 'message');
    const row = made[again];
    if (row?.kind === 'message') row.first = known.first;
    return [...kept, ...made.slice(again)];
  }

  /** The first row known from before is made once more, as it may no longer begin a day or a group. */
  #withOlder(input: RowsInput, older: number): readonly Row[] | null {
    const at = this.#rows.findIndex(({ kind }) => kind === 'message');
    const known = this.#rows[at];
    if (known?.kind !== 'message') return null;
    const kept = this.#rows.slice(at + 1);
    const made = build(linesOf({ ...input, messages: input.messages.slice(0, older + 1), outbox: [] }), input);
    const row = made.at(-1);
    if (row?.kind === 'message') row.last = known.last;
    // What is new begins further up.
    const isMoved = made.some(({ kind }) => kind === 'new') && kept.some(({ kind }) => kind === 'new');
    return isMoved ? null : [...made, ...kept];
  }
}

/** Whether a list holds another one from there on. */
function isAt<T>(from: number, part: readonly T[], whole: readonly T[]): boolean {
  return from >= 0 && whole.length >= from + part.length && part.every((each, index) => each === whole[from + index]);
}

export function rowsOf(input: RowsInput): Row[] {
  return build(linesOf(input), input);
}

/** The messages from there on, and the texts that are no messages yet. */
function linesOf({ messages, outbox, me }: RowsInput, from = 0): Line[] {
  const isMine = ({ sender_type, sender_id }: Message) => sender_type === 'staff' && sender_id === me;
  const lines = messages.slice(from).map((message): Line => {
    const mine = isMine(message);
    // A text keeps its row when it becomes a message: it must not flicker.
    const key = mine && message.client_id !== null ? message.client_id : String(message.id);
    return {
      at: message.created_at,
      sender: `${message.sender_type} ${message.sender_id ?? ''}`,
      row: { kind: 'message', key, message, mine, first: true, last: true },
    };
  });
  if (outbox.length === 0) return lines;
  const stored = new Set(messages.filter(isMine).map(({ client_id }) => client_id));
  for (const text of outbox) {
    if (stored.has(text.client_id)) continue;
    lines.push({
      at: text.created_at,
      sender: `staff ${me}`,
      row: { kind: 'text', key: text.client_id, text, first: true, last: true },
    });
  }
  return lines;
}

function build(lines: readonly Line[], { readUpTo, dayOf }: Pick<RowsInput, 'readUpTo' | 'dayOf'>): Row[] {
  const rows: Row[] = [];
  let day = '';
  let previous: Line | null = null;
  let isNewShown = false;
  for (const line of lines) {
    const today = dayOf(line.at);
    if (today !== day) {
      rows.push({ kind: 'day', key: `day ${today} ${line.row.key}`, at: line.at });
      day = today;
      previous = null;
    }
    if (!isNewShown && isUnread(line, readUpTo)) {
      rows.push({ kind: 'new', key: 'new' });
      isNewShown = true;
      previous = null;
    }
    if (previous?.sender === line.sender && Date.parse(line.at) - Date.parse(previous.at) < GROUP_MS) {
      line.row.first = false;
      previous.row.last = false;
    }
    rows.push(line.row);
    previous = line;
  }
  return rows;
}

function isUnread({ row }: Line, readUpTo: number | null): boolean {
  return (
    readUpTo !== null && row.kind === 'message' && row.message.sender_type === 'guest' && row.message.id > readUpTo
  );
}
