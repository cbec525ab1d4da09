/** The inbox of one signed-in person: what is shown, and what they do. */
import { hasVisibleCharacter } from '../text/visible';
import type { Backend, BackendEvent, ConnectionState, Keeping, OutboxText, Problem } from '../backend/types';
import { serverTime } from '../backend/server_time';
import { t } from '../i18n';
import type { Conversation } from '../protocol/Conversation';
import type { ConversationRef } from '../protocol/ConversationRef';
import type { Department } from '../protocol/Department';
import type { Departments } from '../protocol/Departments';
import type { ListedGuest } from '../protocol/ListedGuest';
import type { Message } from '../protocol/Message';
import type { User } from '../protocol/User';
import { changed, mergeOne, type Desk, type Known } from './desk';
import { Drafts } from './drafts';
import { codeOf, problemOf, wordsFor } from './failure';
import { Alerts } from './alerts.svelte';
import { Feed } from './feed.svelte';
import type { Left } from './frames';
import { History } from './history.svelte';
import { InboxLists } from './inboxlists.svelte';
import { count, longestWait, type Kept, type Tab } from './lists';
import { markAll } from './markall';
import { titleOf } from './names';
import { isDenied, isGone } from './pages';
import { searchKey, type Reader } from './reader.svelte';
import { delivered, lastRead } from './thread';
import type { ThreadReader } from './threads.svelte';
import { ServerHealth } from './server_health.svelte';
import { Toasts } from './toasts.svelte';
import { Transfers } from './transfers';
import { withLineFeeds } from '../text/lines';

/** The conversation that was open and is there no more. */
export interface Gone {
  conversation: Known;
  /** Where it went, if that is known. */
  department: string | null;
  /** The server does not have it any more. */
  isErased: boolean;
}

/** A first message that was not sent, with the guest whom it is for. */
export interface FirstMessage {
  content: string;
  /** What found the guest. */
  query: string;
  guest: ListedGuest | null;
  writtenFor: ListedGuest | null;
}

/** The connection is opened after this time at the latest, whether or not the lists have been read by then. */
const LISTS_WITHIN_MS = 2_000;

export class Inbox {
  user = $state.raw<User>() as User;
  outbox = $state.raw<readonly OutboxText[]>([]);
  /** What becomes of the outbox when the program ends. */
  outboxKept = $state<Keeping>('disk');
  /** The server shows another certificate than the one that was compared. */
  certificate = $state.raw<Problem | null>(null);
  connection = $state.raw<ConnectionState>({ state: 'reconnecting', since: Date.now() });
  departments = $state.raw<readonly Department[]>([]);
  tab = $state<Tab>('waiting');
  department = $state<string | null>(null);
  query = $state('');
  openId = $state<number | null>(null);
  /** The open conversation, when its guest waited at its opening. */
  kept = $state.raw<Kept | null>(null);
  /** The newest message that was read when the conversation was opened: the "new" line comes after it. */
  readUpTo = $state<number | null>(null);
  /** Somebody uses the window: it is focused and visible, and a key or the pointer was used within the last 60 s. */
  attentive = $state(true);
  /** An unknown conversation is opened: nothing can be said of it yet. */
  isOpening = $state(false);
  /** It is read back to where the unread begins. */
  isSeeking = $state(false);
  gone = $state.raw<Gone | null>(null);
  /** Why the server did not show the open conversation; `null`: it has not said. */
  missing = $state<'denied' | 'not_found' | null>(null);
  readonly toasts = new Toasts();
  readonly alerts: Alerts;
  readonly health: ServerHealth;
  readonly #feed: Feed;
  /** What the guest of the open conversation has written before. */
  readonly history: History;
  readonly drafts: Drafts;
  readonly backend: Backend;

  /** Whether the conversation is one of the person's own departments; an account that only reads has them all. */
  readonly mine = ({ department, read_only }: Conversation): boolean =>
    !read_only && (!this.chats || this.user.departments.includes(department));

  /** Parts of the desk on their own: a change of one redraws nothing of the others. */
  conversations = $derived(this.desk.conversations);
  threads = $derived(this.desk.threads);
  onDuty = $derived(this.desk.online);
  typists = $derived(this.desk.typing);
  counts = $derived(count(this.conversations.values(), this.mine, this.department));
  opened = $derived(this.openId === null || this.gone ? undefined : this.conversations.get(this.openId));
  /** The open conversation is not there, or not for this person. */
  isGone = $derived(this.openId !== null && this.opened === undefined && !this.isOpening);
  /** Whether the server has answered what is searched for. */
  isFound = $derived(this.reader.found.key === searchKey(this.query.trim(), this.department));
  readonly lists: InboxLists = new InboxLists(this);
  /** What the list shows. */
  list = $derived(this.lists.rows);

  /** What was typed in dialogs that were closed without sending it. */
  readonly unfinished = { firstMessage: null as FirstMessage | null, notes: new Map<number, string>() };
  readonly #transfers = new Transfers(this);
  /** The newest message of each conversation that the server was told is read. */
  readonly #marked = new Map<number, number>();

  constructor(backend: Backend, user: User) {
    this.backend = backend;
    this.user = user;
    this.#feed = new Feed(backend, {
      user: () => this.user,
      outbox: () => this.outbox,
      openId: () => this.openId,
      applied: (before, left) => this.#applied(before, left),
      replaced: (before) => this.#replaced(before),
    });
    this.history = new History(this);
    this.alerts = new Alerts(backend);
    this.health = new ServerHealth(backend);
    this.drafts = new Drafts(backend, () => this.toasts.stay(t('toast.draft_not_saved')));
  }

  /** Reads the lists, and connects as soon as their position is known: the connection begins with the events after it. */
  async begin(): Promise<void> {
    // First, because the first drawing waits for it.
    const reading = this.readLists();
    void this.#readDepartments();
    void this.alerts.load();
    void this.drafts.load();
    // Chatting accounts connect; one that only administers reads.
    if (this.chats) {
      await new Promise<void>((resolve, reject) => {
        let connecting: Promise<void> | null = null;
        const connect = () => {
          connecting ??= this.backend.connect(this.reader.position).then(resolve, reject);
        };
        this.reader.whenLocated(connect);
        // Without lists, it connects as well.
        void reading.then(connect, connect);
        setTimeout(connect, LISTS_WITHIN_MS);
      });
    }
    await reading;
    if (this.chats) this.reader.readBesides();
    const { done, failure } = this.reader.active;
    const isNobodyWaiting = done && failure === null && this.counts.waiting === 0;
    if (isNobodyWaiting && this.openId === null && this.tab === 'waiting') this.tab = 'open';
  }

  get desk(): Desk {
    return this.#feed.life.desk;
  }

  set desk(desk: Desk) {
    this.#feed.life.desk = desk;
  }

  get reader(): Reader {
    return this.#feed.life.reader;
  }

  get threadReader(): ThreadReader {
    return this.#feed.life.threadReader;
  }

  /** Whether signing out would delete something that the person has written. */
  get hasUnsent(): boolean {
    return this.outbox.length > 0 || this.drafts.size > 0;
  }

  /** Whether the person can write there. */
  takesPart(conversation: Conversation): boolean {
    return this.chats && this.mine(conversation);
  }

  get chats(): boolean {
    return this.user.user_type === 'department_staff';
  }

  readLists(): Promise<void> {
    return this.#feed.readLists();
  }

  /** Reads everything anew. An account that only administers has no connection that would tell what has changed. */
  readAgain(): Promise<void> {
    return this.#feed.resync();
  }

  /** Signing out: nothing of this person stays. */
  forget(): void {
    this.drafts.clear();
  }

  end(): void {
    this.#feed.end();
    this.toasts.clear();
  }

  on(event: BackendEvent): void {
    switch (event.kind) {
      case 'frame':
        if (event.frame.type === 'property') this.user = { ...this.user, property: event.frame.data };
        this.#feed.take(event.frame);
        return;
      case 'outbox':
        // An acknowledgment must have made its text a message before the text leaves.
        this.#feed.flush();
        this.outbox = event.texts;
        this.outboxKept = event.kept ?? 'disk';
        return;
      case 'draft':
        this.drafts.take(event.conversation_id, event.text);
        return;
      case 'notice':
        this.toasts.stay(event.text);
        return;
      case 'certificate_changed':
        this.certificate = event.failure;
        return;
      case 'connection':
        this.connection = event.connection;
        if (event.connection.state === 'connected') this.certificate = null;
        if (event.connection.state === 'connected') this.#connected();
        return;
      case 'resync':
        void this.readUser();
        void this.#feed.resync();
        return;
      case 'open_conversation':
        this.open(event.conversation_id);
        return;
      case 'alert':
      case 'pause':
      case 'sound_blocked':
        this.alerts.on(event);
        return;
      case 'startup':
      case 'signed_out':
        return;
    }
  }

  open(id: number): void {
    if (this.openId === id) return;
    this.leave();
    this.openId = id;
    this.threadReader.open = id;
    this.history.begin(id);
    this.isOpening = !this.conversations.has(id);
    this.missing = null;
    this.isSeeking = false;
    this.readUpTo = null;
    this.#reveal(id);
    void this.backend.setOpen(id);
    void this.#subscribe(id);
    void this.#load(id);
  }

  /** Back to no conversation. */
  leave(): void {
    const id = this.openId;
    if (id === null) return;
    this.openId = null;
    this.history.begin(null);
    this.threadReader.open = null;
    this.threadReader.trim(id);
    // What was typed for a guest who was erased goes with the guest. Any other conversation may come back.
    if (this.gone?.isErased) this.drafts.set(id, '');
    this.isOpening = false;
    this.gone = null;
    this.kept = null;
    this.#marked.delete(id);
    void this.backend.setOpen(null);
    if (this.connection.state !== 'connected') return;
    // What it would tell is told again at the next opening.
    this.backend.command({ type: 'unsubscribe_conversation', conversation_id: id }).catch(() => {});
  }

  /** Reads the open conversation again after a failure. */
  retryThread(): void {
    if (this.openId !== null) void this.#load(this.openId);
  }

  /** Opens the conversation whose guest has waited longest. Returns whether there is another one than the open one. */
  openLongestWait(): boolean {
    const next = longestWait(this.conversations.values(), this.mine, this.openId);
    if (next) this.open(next.id);
    else if (!this.opened?.waiting_since) this.toasts.say(t('toast.nobody_waiting'));
    return next !== null;
  }

  async send(id: number, content: string): Promise<void> {
    if (!hasVisibleCharacter(content)) return;
    this.readUpTo = null;
    this.drafts.take(id, '');
    try {
      await this.backend.sendText(id, withLineFeeds(content).trim());
      // The outbox has it now. What was typed meanwhile is the next draft.
      if (this.drafts.get(id) === '') this.drafts.set(id, '');
    } catch (failure) {
      if (this.drafts.get(id) === '') this.drafts.set(id, content);
      this.toasts.fail(failure);
      throw failure;
    }
  }

  /** Takes back a text that waits. */
  async withdraw(clientId: string): Promise<void> {
    try {
      await this.backend.withdrawText(clientId);
    } catch (failure) {
      this.toasts.fail(failure);
    }
  }

  /** Tries once more to deliver an answer that did not reach the guest. */
  async retry({ id, conversation_id }: Message): Promise<void> {
    try {
      const message = await this.backend.request<Message>('POST', `/chat/messages/${id}/retry/`, {});
      const thread = this.threads.get(conversation_id);
      if (!thread || !message.delivery) return;
      const threads = new Map(this.threads).set(conversation_id, delivered(thread, id, message.delivery));
      this.desk = { ...this.desk, threads };
    } catch (failure) {
      this.toasts.fail(failure);
    }
  }

  typing(isTyping: boolean): void {
    if (this.openId === null || this.connection.state !== 'connected') return;
    this.backend
      .command({ type: 'typing', conversation_id: this.openId, is_typing: isTyping })
      // Nobody misses a typing line.
      .catch(() => {});
  }

  async close(id: number): Promise<void> {
    const before = this.desk.conversations.get(id);
    if (!before || before.status === 'closed' || !this.takesPart(before)) return;
    this.#change(id, { status: 'closed', waiting_since: null, closed_at: new Date(serverTime.now()).toISOString() });
    this.lists.release();
    try {
      await this.backend.command({ type: 'close_conversation', conversation_id: id });
      this.toasts.say(t('toast.closed', { who: titleOf(before) }), {
        label: t('toast.undo'),
        run: () => this.reopen(id),
      });
    } catch (failure) {
      this.#change(id, {
        status: before.status,
        waiting_since: before.waiting_since,
        closed_at: before.closed_at,
      });
      const text = t('toast.not_closed', { who: titleOf(before), reason: wordsFor(failure) });
      this.toasts.fail(failure, () => this.close(id), text);
    }
  }

  async reopen(id: number): Promise<void> {
    try {
      const body: ConversationRef = { conversation_id: id };
      this.#took(await this.backend.request<Conversation>('POST', '/chat/conversations/reopen/', body));
    } catch (failure) {
      const known = this.desk.conversations.get(id);
      const reason = wordsFor(failure);
      const text = known ? t('toast.not_reopened', { who: titleOf(known), reason }) : reason;
      if (codeOf(failure) !== 'conversation_exists') {
        this.toasts.fail(failure, () => this.reopen(id), text);
        return;
      }
      const openId = problemOf(failure)?.conversation_id;
      if (openId === undefined) this.toasts.fail(failure, null, text);
      else this.toasts.refuse(text, { label: t('new.open_existing'), run: () => this.#openInstead(id, openId) });
    }
  }

  /** Opens another conversation with the same guest; what was typed for the closed one goes along. */
  #openInstead(closedId: number, id: number): void {
    this.addToDraft(id, this.drafts.get(closedId));
    this.drafts.set(closedId, '');
    this.open(id);
  }

  /** The text comes after what is in the answer box there. */
  addToDraft(id: number, text: string): void {
    const before = this.drafts.get(id);
    const added = text.trim();
    if (added !== '') this.drafts.set(id, before === '' ? added : `${before}\n${added}`);
  }

  /** `note`: for the staff there; empty: none. Returns whether it was this person who transferred it. */
  transfer(id: number, department: string, note = ''): Promise<boolean> {
    return this.#transfers.transfer(id, department, note);
  }

  /** Shows a conversation that was just read or made. */
  took(conversation: Conversation): void {
    if (this.user.departments.includes(conversation.department)) this.#took(conversation);
  }

  /** Marks what is on the screen as read; called whenever that changes. */
  markRead(): void {
    const { opened } = this;
    if (!opened || !this.attentive || this.connection.state !== 'connected' || !this.takesPart(opened)) return;
    const newest = this.threads.get(opened.id)?.messages.at(-1);
    if (!newest || opened.unread_count === 0 || (this.#marked.get(opened.id) ?? 0) >= newest.id) return;
    this.#marked.set(opened.id, newest.id);
    this.#change(opened.id, { unread_count: 0 });
    this.backend.command({ type: 'mark_read', conversation_id: opened.id, message_id: newest.id }).catch(() => {
      this.#marked.delete(opened.id);
      void this.reader.reload(new Set([opened.id]));
    });
  }

  /** Marks everything in the shown departments as read. */
  async markAllRead(): Promise<void> {
    const marked = await markAll(this.backend, this.lists.unread, (id) => this.#change(id, { unread_count: 0 }));
    if (marked.failure !== null) this.toasts.fail(marked.failure);
    if (marked.count > 0) this.toasts.say(t('toast.all_read', { count: marked.count }));
  }

  nameOf(department: string): string {
    return this.departments.find(({ slug }) => slug === department)?.name ?? department;
  }

  #applied(before: Desk, left: ReadonlyMap<number, Left>): void {
    // The person's own transfer takes the row away at once.
    if ([...left].some(([id, { by }]) => by === this.user.id || this.#transfers.isOwn(id))) {
      this.lists.release();
      this.reader.readTransferred().catch(() => {});
    }
    const { openId } = this;
    if (openId === null) return;
    const seen = before.threads.get(openId)?.messages.at(-1);
    if (!this.attentive && this.readUpTo === null && seen) this.readUpTo = seen.id;
    const opened = before.conversations.get(openId);
    if (opened && !this.gone) this.#tellOfTransfer(opened, left.get(openId));
    if (this.gone && this.conversations.has(openId)) this.#cameBack(openId);
    if (this.threads.get(openId)?.stale) void this.threadReader.read(openId);
    this.history.refresh();
  }

  /** A colleague handed the open conversation on: away from here, or within the person's own departments. */
  #tellOfTransfer(opened: Known, left: Left | undefined): void {
    const now = this.conversations.get(opened.id);
    if (!now) {
      const away = left?.department ?? null;
      if (left && away === null) void this.#lookFor(opened);
      else this.gone = { conversation: opened, department: away, isErased: away === null };
      return;
    }
    const { department } = now;
    if (department === opened.department || this.#transfers.isOwn(opened.id, department)) return;
    this.toasts.say(t('toast.transferred', { department: this.nameOf(department) }));
  }

  /** The conversation that had left is back. */
  #cameBack(id: number): void {
    this.gone = null;
    void this.#subscribe(id);
    void this.#load(id);
  }

  #connected(): void {
    this.toasts.connected();
    this.#feed.retry();
    void this.#compareDepartments();
  }

  /** What was there before in a department that the person has got without a connection is in no event. */
  async #compareDepartments(): Promise<void> {
    const before = String(this.user.departments);
    await this.readUser();
    if (String(this.user.departments) !== before) await this.#feed.resync();
  }

  #replaced(before: Desk): void {
    const { openId, desk } = this;
    const isOtherLife = before.epoch !== null && before.epoch !== desk.epoch;
    this.#marked.clear();
    this.history.begin(openId);
    if (this.chats) this.reader.readBesides();
    if (isOtherLife) {
      this.drafts.saveAgain();
      this.readUpTo = null;
      this.toasts.clear();
    }
    if (openId === null) return;
    if (this.gone) {
      if (desk.conversations.has(openId)) this.#cameBack(openId);
      return;
    }
    const opened = before.conversations.get(openId);
    if (opened && !desk.conversations.has(openId)) void this.#lookFor(opened);
    else if (!desk.threads.has(openId)) void this.#load(openId);
    else void this.history.readList();
  }

  /** The lists do not have the open conversation any more: asks the server what became of it. */
  async #lookFor(opened: Known): Promise<void> {
    this.gone = { conversation: opened, department: null, isErased: false };
    const failure = await this.reader.one(opened.id).then(
      () => null,
      (problem: unknown) => problem,
    );
    if (this.openId !== opened.id || this.gone === null) return;
    if (this.conversations.has(opened.id)) this.#cameBack(opened.id);
    else this.gone = { ...this.gone, isErased: codeOf(failure) === 'conversation_not_found' };
  }

  /** Again, after something about the person or the hotel was changed. */
  async readUser(): Promise<void> {
    try {
      this.user = await this.backend.request<User>('GET', '/auth/me/');
      await this.#readDepartments();
    } catch {
      // Known from signing in; the next resync asks again.
    }
  }

  async #readDepartments(): Promise<void> {
    try {
      this.departments = (await this.backend.request<Departments>('GET', '/departments/')).results;
    } catch {
      // The slugs are shown instead.
    }
  }

  async #subscribe(id: number): Promise<void> {
    // Without a connection, `resume` subscribes to the open conversation.
    if (this.connection.state !== 'connected') return;
    try {
      await this.backend.command({ type: 'subscribe_conversation', conversation_id: id });
    } catch {
      return;
    }
    // What came between reading and subscribing came as one line only.
    if (this.openId === id && this.desk.threads.get(id)?.stale) await this.threadReader.read(id);
  }

  async #load(id: number): Promise<void> {
    if (!this.desk.conversations.has(id)) {
      await this.reader.one(id).catch((failure: unknown) => {
        if (this.openId !== id) return;
        // The pane says that it is gone.
        if (this.#isMissing(failure)) return;
        this.toasts.fail(failure);
        this.leave();
      });
      if (this.openId !== id) return;
      this.isOpening = false;
      this.#reveal(id);
      if (!this.desk.conversations.has(id)) return;
    }
    const unread = this.desk.conversations.get(id)?.unread_count ?? 0;
    if (this.threads.get(id)?.stale === false) this.readUpTo ??= lastRead(this.threads.get(id), unread);
    this.isSeeking = unread > 0 && this.readUpTo === null;
    await this.threadReader.read(id);
    if (this.openId === id) this.#isMissing(this.threadReader.loadings.get(id)?.failure ?? null);
    if (this.openId === id && this.isSeeking) {
      await this.threadReader.readUnread(id, unread);
      if (this.openId === id) this.readUpTo ??= lastRead(this.threads.get(id), unread);
    }
    if (this.openId === id) this.isSeeking = false;
    this.markRead();
    if (this.openId === id) await this.history.readList();
  }

  /** Whether the open conversation was not shown because it is gone, or is not for this person. */
  #isMissing(failure: unknown): boolean {
    if (failure === null || !isGone(failure)) return false;
    this.missing = isDenied(failure) ? 'denied' : 'not_found';
    return true;
  }

  /** Shows the list that the open conversation stands in. */
  #reveal(id: number): void {
    const known = this.desk.conversations.get(id);
    if (!known) return;
    this.kept = known.waiting_since === null ? null : { id, waiting_since: known.waiting_since };
    if (this.list.some((each) => each.id === id) || !this.mine(known)) return;
    this.query = '';
    if (this.department !== null) this.department = known.department;
    if (known.status === 'closed') this.tab = 'closed';
    else if (this.tab === 'closed' || known.waiting_since === null) this.tab = 'open';
  }

  #took(conversation: Conversation): void {
    const seq = this.desk.conversations.get(conversation.id)?.seq;
    this.desk = mergeOne(this.desk, conversation, seq) ?? this.desk;
  }

  #change(id: number, change: Partial<Known>): void {
    this.desk = changed(this.desk, id, change);
  }
}
