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

export function rowsOf({ messages, outbox, me, readUpTo, dayOf }: RowsInput): Row[] {
  const stored = new Set<string>();
  const lines: Line[] = messages.map((message) => {
    const mine = message.sender_type === 'staff' && message.sender_id === me;
    if (mine && message.client_id !== null) stored.add(message.client_id);
    // A text keeps its row when it becomes a message: it must not flicker.
    const key = mine && message.client_id !== null ? message.client_id : String(message.id);
    return {
      at: message.created_at,
      sender: `${message.sender_type} ${message.sender_id ?? ''}`,
      row: { kind: 'message', key, message, mine, first: true, last: true },
    };
  });
  for (const text of outbox) {
    if (stored.has(text.client_id)) continue;
    lines.push({
      at: text.created_at,
      sender: `staff ${me}`,
      row: { kind: 'text', key: text.client_id, text, first: true, last: true },
    });
  }

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
