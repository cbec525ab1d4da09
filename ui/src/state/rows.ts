/** What a conversation's log shows, row by row: days, the "new" line, messages, what happened, and texts on their way. */
import type { OutboxText } from '../backend/types';
import type { Line } from '../protocol/Line';
import type { Message } from '../protocol/Message';
import type { Thread } from './thread';

/** Where an earlier conversation of the guest ends and the next one begins. */
export interface Boundary {
  /** The earlier one. */
  conversation_id: number;
  department: string;
  /** Its latest activity. */
  ended_at: string;
  /** Whether its messages are shown above; else they can be asked for. */
  isShown: boolean;
}

/** What stands in a log besides texts on their way, in its order. */
export type Part = Message | Line | Boundary;

const isBoundary = (part: Part): part is Boundary => 'isShown' in part;
const isMessage = (part: Part): part is Message => 'content' in part;

export type Row =
  | { kind: 'day'; key: string; at: string }
  | { kind: 'new'; key: string }
  | { kind: 'earlier'; key: string; boundary: Boundary }
  | { kind: 'line'; key: string; line: Line }
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

/** The part that a row shows; `null`: it divides, or is no part yet. */
function partOf(row: Row): Part | null {
  switch (row.kind) {
    case 'message':
      return row.message;
    case 'line':
      return row.line;
    case 'earlier':
      return row.boundary;
    default:
      return null;
  }
}

/** The messages and lines of a thread, each line after the message that it followed. */
export function partsOf({ messages, lines }: Pick<Thread, 'messages' | 'lines'>): readonly (Message | Line)[] {
  if (lines.length === 0) return messages;
  const sorted = [...lines].sort((a, b) => (a.after_message_id ?? 0) - (b.after_message_id ?? 0) || a.id - b.id);
  const parts: (Message | Line)[] = [];
  let next = 0;
  const takeUpTo = (id: number) => {
    for (let line = sorted[next]; line && (line.after_message_id ?? 0) < id; line = sorted[next]) {
      parts.push(line);
      next += 1;
    }
  };
  for (const message of messages) {
    takeUpTo(message.id);
    parts.push(message);
  }
  takeUpTo(Infinity);
  return parts;
}

/** Messages of one sender closer together than this stand as a group. */
const GROUP_MS = 5 * 60_000;

export interface RowsInput {
  parts: readonly Part[];
  outbox: readonly OutboxText[];
  me: number;
  /** The newest message that was read when the conversation was opened. */
  readUpTo: number | null;
  /** The calendar day of an instant, in the property's zone. */
  dayOf: (at: string) => string;
}

interface Entry {
  at: string;
  /** Entries of one sender can stand as a group; `null`: not this one. */
  sender: string | null;
  row: Exclude<Row, { kind: 'day' | 'new' }>;
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
    if (before === null || before.parts.length === 0) return null;
    if (input.me !== before.me || input.readUpTo !== before.readUpTo || input.dayOf !== before.dayOf) return null;
    const same = before.parts.findIndex((part, index) => part !== input.parts[index]);
    if (same !== 0) return this.#from(same < 0 ? before.parts.length : same, input);
    const older = input.parts.length - before.parts.length;
    const isOlderOnly = isAt(older, before.parts, input.parts) && isAt(0, before.outbox, input.outbox);
    return isOlderOnly && input.outbox.length === before.outbox.length ? this.#withOlder(input, older) : null;
  }

  /** So many parts are the same. The last of them is made once more: it may no longer be the last of its group. */
  #from(same: number, input: RowsInput): readonly Row[] | null {
    const last = same - 1;
    const at = this.#rows.findLastIndex((row) => partOf(row) !== null && partOf(row) === input.parts[last]);
    const known = this.#rows[at];
    if (known === undefined) return null;
    const kept = this.#rows.slice(0, at);
    const isNewShown = kept.some(({ kind }) => kind === 'new');
    const made = build(entriesOf(input, last), { ...input, readUpTo: isNewShown ? null : input.readUpTo });
    const again = made.findIndex((row) => partOf(row) !== null);
    const row = made[again];
    if (row?.kind === 'message' && known.kind === 'message') row.first = known.first;
    return [...kept, ...made.slice(again)];
  }

  /** The first row known from before is made once more, as it may no longer begin a day or a group. */
  #withOlder(input: RowsInput, older: number): readonly Row[] | null {
    const at = this.#rows.findIndex((row) => partOf(row) !== null);
    const known = this.#rows[at];
    if (known === undefined) return null;
    const kept = this.#rows.slice(at + 1);
    const made = build(entriesOf({ ...input, parts: input.parts.slice(0, older + 1), outbox: [] }), input);
    const row = made.at(-1);
    if (row?.kind === 'message' && known.kind === 'message') row.last = known.last;
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
  return build(entriesOf(input), input);
}

/** The parts from there on, and the texts that are no messages yet. */
function entriesOf({ parts, outbox, me }: RowsInput, from = 0): Entry[] {
  const entries = parts.slice(from).map((part) => entryOf(part, me));
  if (outbox.length === 0) return entries;
  const stored = new Set<string | null>();
  for (const part of parts) if (isMessage(part) && isMine(part, me)) stored.add(part.client_id);
  for (const text of outbox) {
    if (stored.has(text.client_id)) continue;
    entries.push({
      at: text.created_at,
      sender: `staff ${me}`,
      row: { kind: 'text', key: text.client_id, text, first: true, last: true },
    });
  }
  return entries;
}

const isMine = ({ sender_type, sender_id }: Message, me: number) => sender_type === 'staff' && sender_id === me;

function entryOf(part: Part, me: number): Entry {
  if (isBoundary(part)) {
    const row = { kind: 'earlier', key: `earlier ${part.conversation_id}`, boundary: part } as const;
    return { at: part.ended_at, sender: null, row };
  }
  if (!isMessage(part)) return { at: part.at, sender: null, row: { kind: 'line', key: `line ${part.id}`, line: part } };
  const mine = isMine(part, me);
  // A text keeps its row when it becomes a message: it must not flicker.
  const key = mine && part.client_id !== null ? part.client_id : String(part.id);
  return {
    at: part.created_at,
    sender: `${part.sender_type} ${part.sender_id ?? ''}`,
    row: { kind: 'message', key, message: part, mine, first: true, last: true },
  };
}

function build(entries: readonly Entry[], { readUpTo, dayOf }: Pick<RowsInput, 'readUpTo' | 'dayOf'>): Row[] {
  const rows: Row[] = [];
  let day = '';
  let previous: Entry | null = null;
  let isNewShown = false;
  for (const entry of entries) {
    if (entry.row.kind === 'earlier') {
      rows.push(entry.row);
      // What follows is another conversation, perhaps on the same day.
      day = '';
      previous = null;
      continue;
    }
    const today = dayOf(entry.at);
    if (today !== day) {
      rows.push({ kind: 'day', key: `day ${today} ${entry.row.key}`, at: entry.at });
      day = today;
      previous = null;
    }
    if (!isNewShown && isUnread(entry, readUpTo)) {
      rows.push({ kind: 'new', key: 'new' });
      isNewShown = true;
      previous = null;
    }
    join(previous, entry);
    rows.push(entry.row);
    previous = entry;
  }
  return rows;
}

/** Two messages of one sender, one soon after the other, stand as a group. */
function join(previous: Entry | null, entry: Entry): void {
  if (previous === null || entry.sender === null || previous.sender !== entry.sender) return;
  if (Date.parse(entry.at) - Date.parse(previous.at) >= GROUP_MS) return;
  if ('first' in entry.row && 'last' in previous.row) {
    entry.row.first = false;
    previous.row.last = false;
  }
}

function isUnread({ row }: Entry, readUpTo: number | null): boolean {
  return (
    readUpTo !== null && row.kind === 'message' && row.message.sender_type === 'guest' && row.message.id > readUpTo
  );
}
