/**
 * What deserves a person's attention: which events cause a notification and a sound, what is repeated, and what is
 * counted.
 *
 * A state machine without a socket, a screen or a clock. It is given one `Input` at a time with the time at which it
 * happened, and returns what has to be signalled. The desktop app follows the same rule in Rust: both run
 * `client-cases/attention.json`.
 */
import type { Conversation } from '../../protocol/Conversation';
import { defaultPreferences, type Alert, type AlertPreferences, type Pause } from '../types';
import { Bursts } from './bursts';
import { Connection, type Status } from './connection';
import { eventOf, type Event, type Written } from './events';
import type { About, Input, Link, Signal } from './signals';
import {
  AMBER,
  dueAgain,
  earliest,
  keep,
  listedWait,
  longestFirst,
  newWait,
  RED,
  signalled,
  type Undelivered,
  type Wait,
} from './waits';
import { Watching } from './watching';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
/** Gateways' conversations are announced just before their first message: until then, a colleague may have begun. */
const FIRST_MESSAGE_WITHIN = SECOND;
/** A person's own call over HTTP and the event that it causes may arrive in either order, but not further apart. */
const OWN_ACTION_WITHIN = 30 * SECOND;
/** Somebody who types says so every 3 s. */
const TYPES_FOR = 6 * SECOND;

/** Bounds. Beyond them, the newest waits are not counted; of the others, the oldest are forgotten. */
const MAX_WAITS = 5_000;
const MAX_IN_ALERT = 50;
const MAX_FOLLOWED = 200;
const MAX_OWN_MESSAGES = 2_000;
const MAX_CHANGED = 10_000;
const MAX_OTHERS = 1_000;

export class Attention {
  readonly #me: number;
  #departments: ReadonlySet<string>;
  #preferences: AlertPreferences;
  #pause: Pause | null = null;
  readonly #watching = new Watching();
  readonly #bursts = new Bursts();
  readonly #connection: Connection;
  #waits = new Map<number, Wait>();
  /** By conversation, as everything below. */
  readonly #undelivered = new Map<number, Undelivered>();
  readonly #started = new Map<number, { about: About; dueAt: number }>();
  readonly #ownActions = new Map<number, number>();
  readonly #ownMessages = new Set<number>();
  /** What has to be signalled once the missed events have come. */
  #held = new Set<number>();
  #silencedUntil = -Infinity;
  /** Events up to this one are in the list that was read. */
  #listedSeq: number | null = null;
  #hasList = false;
  /** The newest event of each conversation that changed after the list. */
  readonly #changed = new Map<number, number>();
  #signals: Signal[] = [];

  /** For a person who has just signed in; there is no connection yet. */
  constructor(me: number, departments: readonly string[], now: number, preferences = defaultPreferences) {
    this.#me = me;
    this.#departments = new Set(departments);
    this.#preferences = preferences;
    this.#connection = new Connection(now);
  }

  /** Takes in what happened at `now`, and returns what has to be signalled. */
  apply(input: Input, now: number): Signal[] {
    this.#signals = [];
    switch (input.kind) {
      case 'frame':
        this.#frame(input.frame, now);
        break;
      case 'list':
        this.#list(input.seq, input.conversations, now);
        break;
      case 'presence':
        this.#watching.set(input.presence, now);
        break;
      case 'locked':
        this.#watching.locked = input.locked;
        break;
      case 'open':
        this.#open(input.conversation_id, now);
        break;
      case 'preferences':
        this.#preferences = input.preferences;
        break;
      case 'pause':
        this.#pause = input.pause;
        break;
      case 'silence':
        this.#silencedUntil = now + this.#hold;
        break;
      case 'own':
        this.#own(input.conversation_id, now);
        break;
      case 'own_message':
        this.#wrote(input.message_id);
        break;
      case 'departments':
        this.#departments = new Set(input.departments);
        for (const [id, { about }] of this.#waits) if (!this.#departments.has(about.department)) this.#waits.delete(id);
        break;
      case 'connection':
        this.#connected(input.connection, now);
        break;
      case 'time':
        break;
    }
    this.#seen(now);
    this.#due(now);
    return this.#signals;
  }

  /** When the input `time` has something to do. */
  nextDue(now: number): number | null {
    const limits = [...this.#waits.values()].flatMap(({ since }) => [since + AMBER, since + RED]);
    const due = [
      this.#connection.due(this.pauseAt(now)),
      this.pauseAt(now)?.until ?? null,
      // The line above the list changes when the conversation in front is not in front any more.
      this.#watching.inFrontUntil(now),
      ...limits.filter((limit) => limit > now),
    ];
    // Without a connection nobody knows whether a guest still waits.
    if (this.#connection.isUp) {
      due.push(this.#repeatDue(now), this.#undeliveredDue(now));
      due.push(...[...this.#started.values()].map(({ dueAt }) => dueAt));
    }
    return earliest(due);
  }

  /** The conversation in front of the person. Only there is what comes in marked as read. */
  inFront(now: number): number | null {
    return this.#watching.inFront(now);
  }

  /** The line above the list; `null` while nobody waits. */
  alert(now: number): Alert | null {
    const waiting = this.#waiting(now);
    const longest = waiting[0];
    if (!longest) return null;
    const { conversation_id, guest_name, room_number, department } = longest.about;
    const waiting_since = new Date(longest.since).toISOString();
    return {
      conversation_ids: waiting.slice(0, MAX_IN_ALERT).map(({ about }) => about.conversation_id),
      count: waiting.length,
      is_past_red: longest.since + RED <= now,
      longest: { conversation_id, guest_name, room_number, department, waiting_since },
    };
  }

  /** How many conversations have something unread and a waiting guest. */
  get count(): number {
    return [...this.#waits.values()].filter(({ isUnread }) => isUnread).length;
  }

  /** Conversations to subscribe to, so that typing colleagues are noticed. */
  followed(now: number): Set<number> {
    const past = this.#sorted().filter(({ since }) => since + AMBER <= now);
    return new Set(past.slice(0, MAX_FOLLOWED).map(({ about }) => about.conversation_id));
  }

  get status(): Status {
    return this.#connection.status;
  }

  /** The pause, while it lasts. */
  pauseAt(now: number): Pause | null {
    const { until } = this.#pause ?? {};
    return typeof until === 'number' && until <= now ? null : this.#pause;
  }

  get #period(): number | null {
    const { repeat_minutes } = this.#preferences;
    return repeat_minutes > 0 ? repeat_minutes * MINUTE : null;
  }

  /** For how long opening a conversation or *Silence* holds repeats back. */
  get #hold(): number {
    return this.#period ?? AMBER;
  }

  get #hasSound(): boolean {
    return this.#preferences.sound !== 'none';
  }

  /** The longest wait first. */
  #sorted(): Wait[] {
    return [...this.#waits.values()].sort(longestFirst);
  }

  /** Those who wait and are not in front of the person, the longest wait first. */
  #waiting(now: number): Wait[] {
    const inFront = this.inFront(now);
    return this.#sorted().filter(({ about }) => about.conversation_id !== inFront);
  }

  #frame(frame: Extract<Input, { kind: 'frame' }>['frame'], now: number): void {
    if (frame.type === 'typing') {
      const { conversation_id, is_typing, sender_type } = frame.data;
      const wait = this.#waits.get(conversation_id);
      if (wait && is_typing && sender_type !== 'guest') wait.typedUntil = now + TYPES_FOR;
      return;
    }
    if (frame.type === 'acknowledgment') {
      if (frame.status === 'received') this.#wrote(frame.message_id);
      return;
    }
    const event = eventOf(frame);
    if (!event) return;
    if (event.kind === 'written' && event.ownBy === this.#me && event.written.messageId !== null) {
      this.#wrote(event.written.messageId);
    }
    const seq = 'seq' in frame ? frame.seq : undefined;
    if (this.#isNewer(seq, event.id)) this.#event(event, now);
  }

  /** Whether an event happened after the list was read. The original protocol does not number its events. */
  #isNewer(seq: number | undefined, id: number): boolean {
    if (seq === undefined) return true;
    if (this.#listedSeq !== null && seq <= this.#listedSeq) return false;
    keep(this.#changed, id, seq, MAX_CHANGED);
    return true;
  }

  #event(event: Event, now: number): void {
    const { id } = event;
    switch (event.kind) {
      case 'written':
        this.#written(id, event.written, now);
        return;
      case 'started':
        this.#arrived(event.about, event.since, true, now);
        return;
      case 'reopened':
        if (event.by === this.#me) this.#own(id, now);
        this.#arrived(event.about, event.since, false, now);
        return;
      case 'transferred':
        // The new department gets `new_conversation` as an event of its own.
        if (event.by === this.#me) this.#own(id, now);
        this.#gone(id);
        return;
      case 'closed':
        this.#gone(id);
        return;
      case 'read': {
        // A mark on an older message leaves the later ones unread.
        const wait = this.#waits.get(id);
        if (wait && event.by === this.#me && (wait.lastMessageId ?? 0) <= event.messageId) wait.isUnread = false;
        return;
      }
      case 'guest':
        for (const known of [this.#waits.get(id), this.#undelivered.get(id), this.#started.get(id)]) {
          if (known) known.about = { ...known.about, guest_name: event.name, room_number: event.room };
        }
        return;
      case 'delivery':
        this.#delivery(event, now);
        return;
    }
  }

  #written(id: number, { about, messageId, byGuest, at, since: told }: Written, now: number): void {
    const started = this.#started.get(id);
    this.#started.delete(id);
    const before = this.#waits.get(id);
    this.#waits.delete(id);
    const since = told === undefined ? (byGuest ? (before?.since ?? at) : null) : told;
    // The guest is reached by another way now, or the answer does not matter any more.
    if (byGuest) this.#undelivered.delete(id);
    if (since === null) return;
    const wait = before ?? newWait(about, since);
    // Older servers do not say the room with each message.
    const room_number = about.room_number ?? (before ?? started)?.about.room_number ?? null;
    wait.about = { ...about, room_number, waiting_since: since };
    wait.since = since;
    wait.lastAt = at;
    if (byGuest) {
      wait.lastMessageId = messageId;
      wait.isUnread = true;
    }
    this.#insert(id, wait);
    if (byGuest) this.#deserve([id], now);
  }

  /** A conversation is in one of the person's departments now. */
  #arrived(about: About, since: number | null, isStart: boolean, now: number): void {
    const id = about.conversation_id;
    const isOwn = this.#isOwnAction(id, now);
    if (since !== null) {
      this.#insert(id, newWait(about, since));
      if (!isOwn) this.#deserve([id], now);
    } else if (isStart && !isOwn) {
      keep(this.#started, id, { about, dueAt: now + FIRST_MESSAGE_WITHIN }, MAX_OTHERS);
    }
  }

  #gone(id: number): void {
    this.#waits.delete(id);
    this.#undelivered.delete(id);
    this.#started.delete(id);
  }

  #delivery(event: Extract<Event, { kind: 'delivery' }>, now: number): void {
    const { id, about, messageId, hasFailed, isOver } = event;
    if (hasFailed && this.#ownMessages.has(messageId)) {
      if (this.inFront(now) === id || this.#undelivered.get(id)?.messageId === messageId) return;
      const entry = { about, messageId, since: now, signalledAt: null, heldUntil: -Infinity };
      keep(this.#undelivered, id, entry, MAX_OTHERS);
      if (this.#connection.isUp && !this.pauseAt(now)) this.#signalUndelivered([id], now);
    } else if (!hasFailed && (isOver || this.#undelivered.get(id)?.messageId === messageId)) {
      this.#undelivered.delete(id);
    }
  }

  #insert(id: number, wait: Wait): void {
    if (this.#waits.size < MAX_WAITS || this.#waits.has(id)) this.#waits.set(id, wait);
  }

  #open(id: number | null, now: number): void {
    this.#watching.open = id;
    const wait = id === null ? undefined : this.#waits.get(id);
    if (wait) wait.heldUntil = now + this.#hold;
  }

  #own(id: number, now: number): void {
    this.#started.delete(id);
    keep(this.#ownActions, id, now + OWN_ACTION_WITHIN, MAX_OTHERS);
  }

  #isOwnAction(id: number, now: number): boolean {
    return now < (this.#ownActions.get(id) ?? -Infinity);
  }

  #wrote(messageId: number): void {
    this.#ownMessages.add(messageId);
    const [oldest] = this.#ownMessages;
    if (this.#ownMessages.size > MAX_OWN_MESSAGES && oldest !== undefined) this.#ownMessages.delete(oldest);
  }

  /** What the person has in front of them needs no signal later. */
  #seen(now: number): void {
    const id = this.inFront(now);
    if (id === null) return;
    this.#undelivered.delete(id);
    this.#started.delete(id);
  }

  #list(seq: number, conversations: readonly Conversation[], now: number): void {
    for (const [id, changed] of this.#changed) if (changed <= seq) this.#changed.delete(id);
    const before = this.#waits;
    // What is newer than the list stays as it is.
    this.#waits = new Map([...before].filter(([id]) => this.#changed.has(id)));
    const arrived: number[] = [];
    for (const conversation of conversations) {
      const { id, waiting_since, status, department } = conversation;
      if (waiting_since === null || status !== 'active' || !this.#departments.has(department)) continue;
      if (this.#changed.has(id)) continue;
      const known = before.get(id);
      const wait = listedWait(conversation, Date.parse(waiting_since), known);
      if (!known || known.lastAt < wait.lastAt) arrived.push(id);
      this.#insert(id, wait);
    }
    this.#listedSeq = seq;
    const isFirst = !this.#hasList;
    this.#hasList = true;
    // Those who wait when a person signs in are on the screen; they are not news.
    if (!isFirst && !this.#connection.wasSignalled) this.#deserve(arrived, now);
    this.#sayBack(now);
  }

  #connected(link: Link, now: number): void {
    this.#connection.set(link, now);
    if (!this.#connection.isUp) return;
    if (link === 'resync') {
      // Another database may count from another number.
      this.#listedSeq = null;
      this.#changed.clear();
    }
    const held = [...this.#held].sort((a, b) => a - b);
    this.#held = new Set();
    if (!this.#connection.wasSignalled) this.#deserve(held, now);
    else if (link === 'connected') this.#sayBack(now);
  }

  /** The connection is back after a notification said that it was gone: says what waits. */
  #sayBack(now: number): void {
    if (!this.#connection.takeBack() || this.pauseAt(now)) return;
    const signal = this.#aboutAll('back', now);
    for (const wait of this.#waiting(now)) signalled(wait, now);
    this.#signals.push(signal);
  }

  /** Signals what is due. */
  #due(now: number): void {
    if (this.#pause && !this.pauseAt(now)) this.#pause = null;
    this.#startedDue(now);
    const kind = this.#connection.takeDue(this.pauseAt(now), now);
    if (kind) this.#signals.push({ kind, about: null, count: 0, urgent: false, notify: true, sound: this.#hasSound });
    if (!this.#connection.isUp) return;
    this.#repeats(now);
    const undeliveredDue = this.#undeliveredDue(now);
    if (undeliveredDue !== null && undeliveredDue <= now) this.#signalUndelivered([...this.#undelivered.keys()], now);
  }

  /** Guests' messages came, or waiting guests arrived. */
  #deserve(ids: readonly number[], now: number): void {
    if (!this.#connection.isUp) {
      // What was missed comes now; some of it may have been answered by a later event.
      for (const id of ids) this.#held.add(id);
      return;
    }
    const inFront = this.inFront(now);
    const isPaused = this.pauseAt(now) !== null;
    const deserving: About[] = [];
    for (const id of ids) {
      const wait = this.#waits.get(id);
      if (!wait || id === inFront) continue;
      if (isPaused && !(this.#preferences.sound_past_red_in_pause && wait.since + RED <= now)) {
        wait.wasHeldByPause = true;
        continue;
      }
      signalled(wait, now);
      deserving.push(wait.about);
    }
    if (deserving.length === 0) return;
    if (this.#bursts.count('message', deserving.length, now)) {
      this.#signals.push(this.#many(now, deserving.length));
      return;
    }
    for (const about of deserving) {
      this.#signals.push({
        kind: 'message',
        about,
        count: 1,
        urgent: about.waiting_since !== null && about.waiting_since + RED <= now,
        notify: !this.#watching.isPresent(now),
        sound: this.#hasSound && this.#bursts.maySound(false, now),
      });
    }
  }

  /** One signal for all who wait; for all that were started, where nobody waits. */
  #many(now: number, events: number): Signal {
    const signal = this.#aboutAll('many', now);
    return signal.count > 0 ? signal : { ...signal, count: events, sound: false };
  }

  /** One signal for all who wait and are not in front. */
  #aboutAll(kind: 'many' | 'back', now: number): Signal {
    const isBack = kind === 'back';
    const sound = this.#hasSound && this.#bursts.maySound(!isBack, now);
    const waiting = this.#waiting(now);
    const longest = waiting[0];
    return {
      kind,
      count: waiting.length,
      urgent: longest !== undefined && longest.since + RED <= now,
      about: longest?.about ?? null,
      notify: isBack || !this.#watching.isPresent(now),
      sound,
    };
  }

  /** Signals conversations that no guest's message has followed. */
  #startedDue(now: number): void {
    if (!this.#connection.isUp) return;
    const due: About[] = [];
    for (const [id, { about, dueAt }] of [...this.#started].sort(([a], [b]) => a - b)) {
      if (dueAt > now) continue;
      this.#started.delete(id);
      due.push(about);
    }
    if (due.length === 0 || this.pauseAt(now) || this.#watching.isPresent(now)) return;
    if (this.#bursts.count('message', due.length, now)) {
      this.#signals.push({ ...this.#many(now, due.length), sound: false });
      return;
    }
    for (const about of due) {
      this.#signals.push({ kind: 'started', about, count: 1, urgent: false, notify: true, sound: false });
    }
  }

  #signalUndelivered(ids: readonly number[], now: number): void {
    const isMany = this.#bursts.count('undelivered', ids.length, now);
    const sound = this.#hasSound && this.#bursts.maySound(isMany, now);
    let first: About | null = null;
    for (const id of ids) {
      const entry = this.#undelivered.get(id);
      if (!entry) continue;
      entry.signalledAt = now;
      first ??= entry.about;
    }
    const count = isMany ? this.#undelivered.size : ids.length;
    const notify = !this.#watching.isPresent(now);
    this.#signals.push({ kind: 'undelivered', about: first, count, urgent: false, notify, sound });
  }

  /** When an answer that was not delivered has to be signalled (again). */
  #undeliveredDue(now: number): number | null {
    const pause = this.pauseAt(now);
    if (pause?.until === null) return null;
    const period = this.#period;
    const due = [...this.#undelivered.values()].map(({ since, signalledAt, heldUntil }) => {
      if (signalledAt !== null && period === null) return null;
      const at = signalledAt === null ? since : Math.max(since + AMBER, signalledAt + (period ?? 0));
      return Math.max(at, heldUntil, this.#silencedUntil, pause?.until ?? -Infinity);
    });
    return earliest(due);
  }

  /** When somebody who waits has to be signalled again. */
  #repeatDue(now: number): number | null {
    return earliest([...this.#waits.values()].map((wait) => this.#dueOf(wait, now)));
  }

  #dueOf(wait: Wait, now: number): number | null {
    const isInFront = this.inFront(now) === wait.about.conversation_id;
    const front = isInFront ? (this.#watching.inFrontUntil(now) ?? -Infinity) : -Infinity;
    const due = dueAgain(wait, this.pauseAt(now), this.#period, this.#preferences.sound_past_red_in_pause);
    return due === null ? null : Math.max(due, wait.heldUntil, wait.typedUntil, this.#silencedUntil, front);
  }

  /**
   * One signal for all who wait, as soon as one of them is due. Those who are being answered, and those whom the person
   * has just opened, are left out.
   */
  #repeats(now: number): void {
    const due = this.#repeatDue(now);
    if (due === null || due > now) return;
    const isPaused = this.pauseAt(now) !== null;
    const included = this.#waiting(now).filter(
      ({ typedUntil, heldUntil, since }) => typedUntil <= now && heldUntil <= now && !(isPaused && now < since + RED),
    );
    const longest = included[0];
    if (!longest) return;
    for (const wait of included) signalled(wait, now);
    this.#signals.push({
      kind: 'repeat',
      about: longest.about,
      count: included.length,
      urgent: longest.since + RED <= now,
      notify: !this.#watching.isPresent(now),
      sound: this.#hasSound && this.#bursts.maySound(false, now),
    });
  }
}
