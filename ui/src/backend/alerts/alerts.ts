/** Alerts in a browser: turns what the attention rule decides into sound, title, vibration and notification. */
import { t } from '../../i18n';
import type { Conversation } from '../../protocol/Conversation';
import type { ConversationPage } from '../../protocol/ConversationPage';
import type { DeliveryUpdate } from '../../protocol/DeliveryUpdate';
import type { Departments } from '../../protocol/Departments';
import type { Frame } from '../../protocol/Frame';
import type { User } from '../../protocol/User';
import { Attention } from '../attention/attention';
import type { Input, Signal } from '../attention/signals';
import { serverTime } from '../server_time';
import { defaultPreferences } from '../types';
import type {
  AlertPreferences,
  AlertTest,
  BackendEvent,
  ConnectionState,
  DirectCommand,
  NotificationPermissionState,
  Pause,
  Presence,
  Sound,
} from '../types';
import { Following } from './following';
import { failedDelivery, isOwnMessage, readNotDelivered, type Read } from './not_delivered';
import { Popups } from './popups';
import { readPause, readPreferences, storePause, storePreferences } from './preferences';
import { Sounds } from './sounds';
import { Tabs, type TabMessage } from './tabs';
import { wordsOf } from './words';

/** `setTimeout` takes no more. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** Events that come together are shown together. */
const SHOW_AFTER_MS = 50;
const PAGE = 200;
/** As many waiting conversations as the rule remembers. */
const MAX_PAGES = 25;
/** Failed messages whose author is looked up at once. Beyond that, only their rows show them. */
const MAX_LOOKUPS = 32;
const VIBRATION = [200, 100, 200];

export interface AlertSource {
  emit: (event: BackendEvent) => void;
  read: Read;
  command: (command: DirectCommand) => Promise<unknown>;
}

export class WebAlerts {
  readonly following: Following;
  readonly #source: AlertSource;
  readonly #sounds: Sounds;
  readonly #popups: Popups;
  #user: User | null = null;
  #attention: Attention | null = null;
  #tabs: Tabs | null = null;
  #preferences: AlertPreferences = defaultPreferences;
  #unread = 0;
  #hasList = false;
  /** The server's time is this much later than the computer's. */
  #offsetMs = serverTime.offsetMs;
  /** Messages whose author is being looked up. */
  #lookups = 0;
  #isOffline = false;
  #open: number | null = null;
  #presence: Presence = { visible: false, focused: false, used: false };
  /** Slug and name. */
  readonly #departments = new Map<string, string>();
  #shownAlert = 'null';
  #shownPause = 'null';
  #dueTimer: ReturnType<typeof setTimeout> | undefined;
  #showTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(source: AlertSource) {
    this.#source = source;
    this.#sounds = new Sounds((isBlocked) => source.emit({ kind: 'sound_blocked', isBlocked }));
    this.#popups = new Popups((conversation_id) => source.emit({ kind: 'open_conversation', conversation_id }));
    serverTime.subscribe(() => this.#clockMoved());
    this.following = new Following(source.command, (id) => id === this.#open);
  }

  begin(user: User): void {
    this.#forget();
    this.#user = user;
    // An account that only administers has no connection, and nobody waits for it.
    if (user.user_type === 'department_staff') {
      this.#attention = new Attention(user.id, user.departments, serverTime.now(), this.#preferences);
      this.#tabs = new Tabs(user.id, (message) => this.#onTab(message));
    }
    this.#source.emit({ kind: 'sound_blocked', isBlocked: this.#sounds.isBlocked });
    this.#apply({ kind: 'pause', pause: readPause(user, serverTime.now()) });
    this.#show();
    void this.preferences();
  }

  /** The person signed out. */
  end(): void {
    this.#tabs?.tell({ kind: 'left' });
    this.#forget();
  }

  /** The server ended the session: from now on this person is not alerted, and has to be told so. */
  signedOut(): void {
    this.#apply({ kind: 'connection', connection: 'signed_out' });
    this.#isOffline = true;
    this.#showTitle();
  }

  connection({ state }: ConnectionState): void {
    this.#isOffline = state !== 'connected';
    this.#apply({ kind: 'connection', connection: state === 'connected' ? 'connected' : 'lost' });
    this.#showTitle();
  }

  /** The connection stands. `isComplete`: no event is missing. */
  async connected(isComplete: boolean): Promise<void> {
    if (!isComplete) this.#apply({ kind: 'connection', connection: 'resync' });
    if (this.#hasList && isComplete) return;
    await Promise.all([this.#readWaiting(), this.#readNotDelivered(), this.#readDepartments()]);
  }

  frame(frame: Frame): void {
    this.#apply({ kind: 'frame', frame });
    const failed = failedDelivery(frame);
    if (failed && this.#attention?.isOwnMessage(failed.message_id) === false) void this.#lookUp(frame, failed);
  }

  /** The person's own account, as it was just read. */
  took(user: User): void {
    if (user.id !== this.#user?.id) return;
    this.#user = user;
    this.#apply({ kind: 'departments', departments: user.departments });
  }

  /** The person creates, reopens or transfers this conversation. */
  own(conversation_id: number): void {
    this.#apply({ kind: 'own', conversation_id });
  }

  unread(count: number): void {
    this.#unread = count;
    this.#showTitle();
  }

  open(conversation_id: number | null): void {
    this.#open = conversation_id;
    this.#apply({ kind: 'open', conversation_id });
    this.#tellPresence();
  }

  presence(presence: Presence): void {
    this.#presence = presence;
    this.#apply({ kind: 'presence', presence });
    this.#tellPresence();
  }

  async preferences(): Promise<AlertPreferences> {
    const user = this.#user;
    if (!user) return this.#preferences;
    const read = await readPreferences(user);
    if (user.id === this.#user?.id) this.#setPreferences(read);
    return read;
  }

  /** Returns whether they are kept over the end of the page. */
  save(preferences: AlertPreferences): boolean {
    this.#setPreferences(preferences);
    const isKept = this.#user !== null && storePreferences(this.#user, preferences);
    this.#tabs?.tell({ kind: 'changed' });
    return isKept;
  }

  pause(pause: Pause | null): void {
    if (this.#user) storePause(this.#user, pause);
    this.#apply({ kind: 'pause', pause });
    this.#tabs?.tell({ kind: 'changed' });
    this.#show();
  }

  silence(): void {
    this.#apply({ kind: 'silence' });
    this.#tabs?.tell({ kind: 'silence' });
  }

  get permission(): NotificationPermissionState {
    return this.#popups.permission;
  }

  ask(): Promise<boolean> {
    return this.#popups.ask();
  }

  async play(sound: Sound): Promise<void> {
    await this.#sounds.play(sound);
  }

  async test(): Promise<AlertTest> {
    const played = await this.#sounds.play(this.#preferences.sound);
    const words = { title: t('alert.test'), body: t('alert.test_more'), tag: 'test', conversationId: null };
    return { notification: this.#popups.show(words, false, played.sound === 'played'), ...played };
  }

  /** Reads who waits; a failure is made good by the next connection, which follows it. */
  async #readWaiting(): Promise<void> {
    const attention = this.#attention;
    const conversations: Conversation[] = [];
    let seq: number | null = null;
    let cursor: string | null = null;
    try {
      for (let page = 0; page < MAX_PAGES; page += 1) {
        const query: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
        const path = `/chat/conversations/?waiting=true&status=active&limit=${PAGE}${query}`;
        const read: ConversationPage = await this.#source.read<ConversationPage>(path);
        seq ??= read.seq;
        conversations.push(...read.results);
        cursor = read.next_cursor;
        if (cursor === null) break;
      }
    } catch {
      return;
    }
    if (seq === null || attention !== this.#attention) return;
    this.#hasList = true;
    this.#apply({ kind: 'list', seq, conversations });
  }

  /** Reads the person's answers that could not be delivered; a failure is made good as that of `#readWaiting`. */
  async #readNotDelivered(): Promise<void> {
    const [user, attention] = [this.#user, this.#attention];
    if (!user || !attention) return;
    const read = await readNotDelivered(this.#source.read, user.id).catch(() => null);
    if (read && attention === this.#attention) this.#apply({ kind: 'not_delivered', ...read });
  }

  /** A message that was written before this page was opened may be the person's own. */
  async #lookUp(frame: Frame, { conversation_id, message_id }: DeliveryUpdate): Promise<void> {
    const [user, attention] = [this.#user, this.#attention];
    if (!user || this.#lookups >= MAX_LOOKUPS) return;
    this.#lookups += 1;
    try {
      const isOwn = await isOwnMessage(this.#source.read, user.id, conversation_id, message_id);
      if (!isOwn || attention !== this.#attention) return;
      this.#apply({ kind: 'own_message', message_id });
      // It was told already: with its number, it would be taken for an old event.
      this.#apply({ kind: 'frame', frame: { ...frame, seq: undefined } as Frame });
    } catch {
      // The row shows what was not delivered.
    } finally {
      this.#lookups -= 1;
    }
  }

  async #readDepartments(): Promise<void> {
    const read = await this.#source.read<Departments>('/departments/').catch(() => null);
    for (const { slug, name } of read?.results ?? []) this.#departments.set(slug, name);
  }

  #forget(): void {
    clearTimeout(this.#dueTimer);
    this.#tabs?.close();
    this.#tabs = null;
    this.#attention = null;
    this.#hasList = false;
    this.#user = null;
    this.#isOffline = false;
    this.#open = null;
    this.#preferences = defaultPreferences;
    this.#popups.close(() => true);
    this.#show();
  }

  #setPreferences(preferences: AlertPreferences): void {
    this.#preferences = preferences;
    this.#sounds.prepare(preferences.sound);
    this.#apply({ kind: 'preferences', preferences });
  }

  /** The server's time is not what it was taken to be. */
  #clockMoved(): void {
    const movedMs = serverTime.offsetMs - this.#offsetMs;
    this.#offsetMs = serverTime.offsetMs;
    if (movedMs < 0) this.#attention?.clockWentBack(-movedMs);
    this.#apply({ kind: 'time' });
  }

  #tellPresence(): void {
    this.#tabs?.tell({ kind: 'presence', presence: this.#presence, open: this.#open });
  }

  #onTab(message: TabMessage): void {
    switch (message.kind) {
      case 'presence':
        // What is in front of the person in another tab is in front of them.
        if (this.#presence.focused && this.#presence.visible) return;
        this.#apply({ kind: 'open', conversation_id: message.presence.focused ? message.open : this.#open });
        this.#apply({ kind: 'presence', presence: message.presence.focused ? message.presence : this.#presence });
        return;
      case 'silence':
        this.#apply({ kind: 'silence' });
        return;
      case 'changed':
        if (!this.#user) return;
        this.#apply({ kind: 'pause', pause: readPause(this.#user, serverTime.now()) });
        void this.preferences();
        return;
      case 'left':
        this.#forget();
        return;
    }
  }

  #apply(input: Input): void {
    const attention = this.#attention;
    if (!attention) return;
    const now = serverTime.now();
    for (const signal of attention.apply(input, now)) this.#signal(signal, now);
    this.#showTimer ??= setTimeout(() => this.#show(), SHOW_AFTER_MS);
    // Many events may follow each other: the timer is set once they are through.
    clearTimeout(this.#dueTimer);
    this.#dueTimer = undefined;
  }

  #signal(signal: Signal, now: number): void {
    const words = wordsOf(signal, (slug) => this.#departments.get(slug) ?? slug, now);
    const isLoud = signal.sound && !this.#sounds.isBlocked;
    if (isLoud && this.#tabs?.claim('sound')) void this.#sounds.play(this.#preferences.sound);
    if (signal.sound && navigator.userActivation?.hasBeenActive) navigator.vibrate?.(VIBRATION);
    if (!signal.notify || !this.#tabs?.claim(`notification.${words.tag}`)) return;
    // One for all takes the place of those for each.
    if (signal.kind === 'many' || signal.kind === 'repeat') {
      this.#popups.close((tag) => tag.startsWith('conversation-'));
    }
    this.#popups.show(words, signal.urgent, isLoud || !signal.sound);
  }

  /** Shows what has changed, and waits for what is due next. */
  #show(): void {
    clearTimeout(this.#showTimer);
    this.#showTimer = undefined;
    const attention = this.#attention;
    const now = serverTime.now();
    const alert = attention?.alert(now) ?? null;
    const pause = attention?.pauseAt(now) ?? null;
    if (JSON.stringify(alert) !== this.#shownAlert) {
      this.#shownAlert = JSON.stringify(alert);
      this.#source.emit({ kind: 'alert', alert });
    }
    if (JSON.stringify(pause) !== this.#shownPause) {
      this.#shownPause = JSON.stringify(pause);
      this.#source.emit({ kind: 'pause', pause });
      this.#showTitle();
    }
    if (!alert) this.#popups.close((tag) => tag === 'waiting' || tag.startsWith('conversation-'));
    if (attention) this.following.set(attention.followed(now));
    clearTimeout(this.#dueTimer);
    const due = attention?.nextDue(now) ?? null;
    if (due === null) return;
    const left = Math.min(Math.max(0, due - now), LONGEST_TIMER_MS);
    this.#dueTimer = setTimeout(() => this.#apply({ kind: 'time' }), left);
  }

  #showTitle(): void {
    const count = this.#unread > 0 ? `(${this.#unread}) ` : '';
    const offline = this.#isOffline && this.#user ? `${t('connection.offline')} ` : '';
    const paused = this.#shownPause === 'null' ? '' : ` – ${t('title.paused')}`;
    document.title = `${offline}${count}Frontdesk${paused}`;
  }
}
