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
import { ListPosition } from './listed';
import { OwnActivity } from './own';
import type { About, Input, Link, NotDelivered, Signal } from './signals';
import { Started } from './started';
import { Undelivered } from './undelivered';
import { AMBER, dueAgain, earliest, newWait, RED, signalled, type Wait } from './waits';
import { WaitList } from './waitlist';
import { Watching } from './watching';

const MINUTE = 60_000;
/** Somebody who types says so every 3 s. */
const TYPES_FOR = 6_000;

export class Attention {
  readonly #me: number;
  #departments: ReadonlySet<string>;
  #preferences: AlertPreferences;
  #pause: Pause | null = null;
  readonly #watching = new Watching();
  readonly #bursts = new Bursts();
  readonly #connection: Connection;
  readonly #waits = new WaitList();
  readonly #undelivered = new Undelivered();
  readonly #started = new Started();
  readonly #ownActivity = new OwnActivity();
  /** What has to be signalled once the missed events have come. */
  #held = new Set<number>();
  #silencedUntil = -Infinity;
  readonly #position = new ListPosition();
  #hasList = false;
  /** The list of answers that were not delivered was read before. */
  #hasUndelivered = false;
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
      case 'not_delivered':
        this.#undeliveredListed(input.seq, input.answers, now);
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
        this.#ownActivity.wrote(input.message_id);
        break;
      case 'departments':
        this.#departments = new Set(input.departments);
        this.#waits.keepOnly(({ department }) => this.#departments.has(department));
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

  /**
   * The server's time turned out to be earlier than was thought: what was noted in the time before moves with it.
   * Otherwise a person would count as present, and guests as just signalled, for as long as the clock was wrong.
   */
  clockWentBack(by: number): void {
    for (const part of [this.#watching, this.#bursts, this.#connection, this.#ownActivity]) part.clockWentBack(by);
    for (const part of [this.#waits, this.#undelivered, this.#started]) part.clockWentBack(by);
    this.#silencedUntil -= by;
  }

  /** When the input `time` has something to do. */
  nextDue(now: number): number | null {
    const due = [
      this.#connection.due(this.#silentPause(now)),
      this.pauseAt(now)?.until ?? null,
      // The line above the list changes when the conversation in front is not in front any more.
      this.#watching.inFrontUntil(now),
      ...this.#waits.limitsAfter(now),
    ];
    // Without a connection nobody knows whether a guest still waits.
    if (this.#connection.isUp) {
      due.push(this.#repeatDue(now), this.#undeliveredDue(now));
      due.push(...this.#started.due);
    }
    return earliest(due);
  }

  /** The conversation in front of the person. Only there is what comes in marked as read. */
  inFront(now: number): number | null {
    return this.#watching.inFront(now);
  }

  /** The line above the list; `null` while nobody waits. */
  alert(now: number): Alert | null {
    return this.#waits.alertExcept(this.inFront(now), now);
  }

  /** How many conversations have something unread and a waiting guest. */
  get count(): number {
    return this.#waits.unread;
  }

  /** Conversations to subscribe to, so that typing colleagues are noticed. */
  followed(now: number): Set<number> {
    return this.#waits.pastAmber(now);
  }

  /** Whether it is known that the person wrote this message. */
  isOwnMessage(messageId: number): boolean {
    return this.#ownActivity.hasWritten(messageId);
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

  /** Those who wait and are not in front of the person, the longest wait first. */
  #waiting(now: number): Wait[] {
    return this.#waits.except(this.inFront(now));
  }

  #frame(frame: Extract<Input, { kind: 'frame' }>['frame'], now: number): void {
    if (frame.type === 'typing') {
      const { conversation_id, is_typing, sender_type } = frame.data;
      const wait = this.#waits.get(conversation_id);
      if (wait && is_typing && sender_type !== 'guest') wait.typedUntil = now + TYPES_FOR;
      return;
    }
    if (frame.type === 'acknowledgment') {
      if (frame.status === 'received') this.#ownActivity.wrote(frame.message_id);
      return;
    }
    const event = eventOf(frame);
    if (!event) return;
    if (event.kind === 'written' && event.ownBy === this.#me && event.written.messageId !== null) {
      this.#ownActivity.wrote(event.written.messageId);
    }
    const seq = 'seq' in frame ? frame.seq : undefined;
    if (this.#position.isNewer(seq, event.id)) this.#event(event, now);
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
        this.#renamed(id, { guest_name: event.name, room_number: event.room });
        return;
      case 'delivery':
        this.#delivery(event, now);
        return;
    }
  }

  #renamed(id: number, change: Pick<About, 'guest_name' | 'room_number'>): void {
    const wait = this.#waits.get(id);
    if (wait) wait.about = { ...wait.about, ...change };
    this.#started.renamed(id, change);
    this.#undelivered.renamed(id, change);
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
    const room_number = about.room_number ?? (before?.about ?? started)?.room_number ?? null;
    wait.about = { ...about, room_number, waiting_since: since };
    wait.since = since;
    wait.lastAt = at;
    if (byGuest) {
      wait.lastMessageId = messageId;
      wait.isUnread = true;
    }
    this.#waits.set(id, wait);
    if (byGuest) this.#deserve([id], now);
  }

  /** A conversation is in one of the person's departments now. */
  #arrived(about: About, since: number | null, isStart: boolean, now: number): void {
    const id = about.conversation_id;
    const isOwn = this.#ownActivity.hasActed(id, now);
    if (since !== null) {
      this.#waits.set(id, newWait(about, since));
      if (!isOwn) this.#deserve([id], now);
    } else if (isStart && !isOwn) {
      this.#started.add(about, now);
    }
  }

  #gone(id: number): void {
    this.#waits.delete(id);
    this.#undelivered.delete(id);
    this.#started.delete(id);
  }

  #delivery(event: Extract<Event, { kind: 'delivery' }>, now: number): void {
    const { id, about, messageId, hasFailed, isOver } = event;
    if (hasFailed && this.isOwnMessage(messageId)) {
      if (this.inFront(now) === id || !this.#undelivered.add({ about, message_id: messageId }, now)) return;
      if (this.#connection.isUp && !this.pauseAt(now)) this.#signalUndelivered([id], now);
    } else if (!hasFailed && (isOver || this.#undelivered.get(id)?.messageId === messageId)) {
      this.#undelivered.delete(id);
    }
  }

  #open(id: number | null, now: number): void {
    this.#watching.open = id;
    const wait = id === null ? undefined : this.#waits.get(id);
    if (wait) wait.heldUntil = now + this.#hold;
  }

  #own(id: number, now: number): void {
    this.#started.delete(id);
    this.#ownActivity.acted(id, now);
  }

  /** What the person has in front of them needs no signal later. */
  #seen(now: number): void {
    const id = this.inFront(now);
    if (id === null) return;
    this.#undelivered.delete(id);
    this.#started.delete(id);
  }

  #list(seq: number, conversations: readonly Conversation[], now: number): void {
    this.#position.read(seq);
    const arrived = this.#waits.listed(conversations, {
      isNewer: (id) => this.#position.hasChangedAfter(seq, id),
      isWanted: ({ department }) => this.#departments.has(department),
    });
    const isFirst = !this.#hasList;
    this.#hasList = true;
    // Those who wait when a person signs in are on the screen; they are not news.
    if (!isFirst && !this.#connection.wasSignalled) this.#deserve(arrived, now);
    this.#sayBack(now);
  }

  #undeliveredListed(seq: number, answers: readonly NotDelivered[], now: number): void {
    for (const { message_id } of answers) this.#ownActivity.wrote(message_id);
    const inFront = this.inFront(now);
    const context = {
      isFirst: !this.#hasUndelivered,
      isNewer: (id: number) => this.#position.hasChangedAfter(seq, id),
      isWanted: ({ conversation_id, department }: About) =>
        conversation_id !== inFront && this.#departments.has(department),
    };
    this.#hasUndelivered = true;
    const news = this.#undelivered.listed(answers, context, now);
    if (news.length > 0 && this.#connection.isUp && !this.pauseAt(now)) this.#signalUndelivered(news, now);
  }

  #connected(link: Link, now: number): void {
    this.#connection.set(link, now);
    if (!this.#connection.isUp) return;
    if (link === 'resync') this.#position.forget();
    const held = [...this.#held].sort((a, b) => a - b);
    this.#held = new Set();
    if (!this.#connection.wasSignalled) this.#deserve(held, now);
    // Before the first list nobody knows who waits: it is said when that has been read.
    else if (link === 'connected' && this.#hasList) this.#sayBack(now);
  }

  /**
   * A pause in which not even waits past red sound. In any other, the person counts on those sounds: they are told when
   * there can be none.
   */
  #silentPause(now: number): Pause | null {
    return this.#preferences.sound_past_red_in_pause ? null : this.pauseAt(now);
  }

  /** The connection is back after a notification said that it was gone: says what waits. */
  #sayBack(now: number): void {
    if (!this.#connection.takeBack() || this.#silentPause(now)) return;
    const signal = this.#aboutAll('back', now);
    for (const wait of this.#waiting(now)) signalled(wait, now);
    this.#signals.push(signal);
  }

  /** Signals what is due. */
  #due(now: number): void {
    if (this.#pause && !this.pauseAt(now)) this.#pause = null;
    this.#startedDue(now);
    const kind = this.#connection.takeDue(this.#silentPause(now), now);
    // No guest can be seen to wait: that is as urgent as one who has waited too long.
    if (kind) this.#signals.push({ kind, about: null, count: 0, urgent: true, notify: true, sound: this.#hasSound });
    if (!this.#connection.isUp) return;
    this.#repeats(now);
    const undeliveredDue = this.#undeliveredDue(now);
    if (undeliveredDue !== null && undeliveredDue <= now) this.#signalUndelivered(this.#undelivered.ids, now);
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
    const due = this.#started.takeDue(now);
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
    const about = this.#undelivered.signalled(ids, now);
    const count = isMany ? this.#undelivered.size : ids.length;
    const notify = !this.#watching.isPresent(now);
    this.#signals.push({ kind: 'undelivered', about, count, urgent: false, notify, sound });
  }

  /** When an answer that was not delivered has to be signalled (again). */
  #undeliveredDue(now: number): number | null {
    return this.#undelivered.due(this.pauseAt(now), this.#period, this.#silencedUntil);
  }

  /** When somebody who waits has to be signalled again. */
  #repeatDue(now: number): number | null {
    return earliest(this.#waits.all().map((wait) => this.#dueOf(wait, now)));
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
