/** The inbox of one signed-in person: what is shown, and what they do. */
import type { Backend, BackendEvent, ConnectionState, Keeping, OutboxText } from '../backend/types';
import { t } from '../i18n';
import type { Conversation } from '../protocol/Conversation';
import type { Department } from '../protocol/Department';
import type { Departments } from '../protocol/Departments';
import type { Frame } from '../protocol/Frame';
import type { User } from '../protocol/User';
import { acknowledge } from './acknowledged';
import { applyFrames, emptyDesk, lapseTyping, mergeOne, type Desk, type Known } from './desk';
import { Drafts } from './drafts';
import { wordsFor } from './failure';
import { count, listed, nextUnread, type Kept, type Tab } from './lists';
import { Reader } from './reader.svelte';
import { Toasts } from './toasts.svelte';

/** Frames that come within a picture are applied together. */
const BATCH_MS = 16;

export class Inbox {
  user = $state.raw<User>() as User;
  desk = $state.raw<Desk>(emptyDesk);
  outbox = $state.raw<readonly OutboxText[]>([]);
  /** What becomes of the outbox when the program ends. */
  outboxKept = $state<Keeping>('disk');
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
  /** The window is in front and visible. */
  attentive = $state(true);
  readonly toasts = new Toasts();
  readonly reader: Reader;
  readonly drafts: Drafts;
  readonly backend: Backend;

  /** Whether the conversation is one of the person's own departments; an account that only reads has them all. */
  readonly mine = ({ department }: Conversation): boolean => !this.chats || this.user.departments.includes(department);

  /** Parts of the desk on their own: a change of one redraws nothing of the others. */
  conversations = $derived(this.desk.conversations);
  threads = $derived(this.desk.threads);
  onDuty = $derived(this.desk.online);
  typists = $derived(this.desk.typing);
  counts = $derived(count(this.conversations.values(), this.mine));
  opened = $derived(this.openId === null ? undefined : this.conversations.get(this.openId));
  list = $derived.by<readonly Known[]>(() => {
    const { conversations } = this;
    if (this.query.trim() === '') return listed(conversations.values(), this);
    return this.reader.found.flatMap((id) => conversations.get(id) ?? []);
  });

  #frames: Frame[] = [];
  #batch: ReturnType<typeof setTimeout> | undefined;
  readonly #lapse: ReturnType<typeof setInterval>;
  /** The newest message of each conversation that the server was told is read. */
  readonly #marked = new Map<number, number>();

  constructor(backend: Backend, user: User) {
    this.backend = backend;
    this.user = user;
    this.reader = new Reader(backend, this);
    this.drafts = new Drafts(sessionStorage, user.id);
    this.#lapse = setInterval(() => {
      this.desk = lapseTyping(this.desk, Date.now());
    }, 1_000);
  }

  /** Reads the lists, then connects: what happens in between is told at the connection's beginning. */
  async begin(): Promise<void> {
    void this.#readDepartments();
    const reading = this.readLists();
    // Chatting accounts connect; one that only administers reads.
    if (this.chats) {
      await Promise.race([reading, new Promise((resolve) => setTimeout(resolve, 2_000))]);
      await this.backend.connect();
    }
    await reading;
    const { done, failure } = this.reader.active;
    const isNobodyWaiting = done && failure === null && this.counts.waiting === 0;
    if (isNobodyWaiting && this.openId === null && this.tab === 'waiting') this.tab = 'open';
  }

  /** Whether the person can write there. */
  takesPart(conversation: Conversation): boolean {
    return this.chats && this.mine(conversation);
  }

  get chats(): boolean {
    return this.user.user_type === 'department_staff';
  }

  async readLists(): Promise<void> {
    await this.reader.readActive();
  }

  /** Signing out: nothing of this person stays. */
  forget(): void {
    this.drafts.clear();
  }

  end(): void {
    clearTimeout(this.#batch);
    clearInterval(this.#lapse);
    this.toasts.clear();
  }

  on(event: BackendEvent): void {
    switch (event.kind) {
      case 'frame':
        this.#frames.push(event.frame);
        this.#batch ??= setTimeout(() => this.#flush(), BATCH_MS);
        return;
      case 'outbox':
        // An acknowledgment must have made its text a message before the text leaves.
        this.#flush();
        this.outbox = event.texts;
        this.outboxKept = event.kept ?? 'disk';
        return;
      case 'notice':
        this.toasts.stay(event.text);
        return;
      case 'connection':
        this.connection = event.connection;
        return;
      case 'resync':
        void this.#resync();
        return;
      case 'open_conversation':
        this.open(event.conversation_id);
        return;
      case 'signed_out':
        return;
    }
  }

  open(id: number): void {
    if (this.openId === id) return;
    this.leave();
    this.openId = id;
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
    this.kept = null;
    void this.backend.setOpen(null);
    if (this.connection.state !== 'connected') return;
    // What it would tell is told again at the next opening.
    this.backend.command({ type: 'unsubscribe_conversation', conversation_id: id }).catch(() => {});
  }

  /** Reads the open conversation again after a failure. */
  retryThread(): void {
    if (this.openId !== null) void this.#load(this.openId);
  }

  openNextUnread(): void {
    const next =
      nextUnread(this.list, this.openId) ??
      nextUnread([...this.desk.conversations.values()].filter(this.mine), this.openId);
    if (next) this.open(next.id);
    else this.toasts.say(t('toast.nothing_unread'));
  }

  async send(content: string): Promise<void> {
    const id = this.openId;
    if (id === null || content.trim() === '') return;
    this.drafts.set(id, '');
    this.readUpTo = null;
    try {
      await this.backend.sendText(id, content.trim());
    } catch (failure) {
      this.drafts.set(id, content);
      this.toasts.fail(wordsFor(failure));
      throw failure;
    }
  }

  /** Takes back a text that waits. */
  async withdraw(clientId: string): Promise<void> {
    try {
      await this.backend.withdrawText(clientId);
    } catch (failure) {
      this.toasts.fail(wordsFor(failure));
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
    this.#change(id, { status: 'closed', waiting_since: null, closed_at: new Date().toISOString() });
    try {
      await this.backend.command({ type: 'close_conversation', conversation_id: id });
      this.toasts.say(t('toast.closed', { name: before.guest_info.name }), {
        label: t('toast.undo'),
        run: () => this.reopen(id),
      });
    } catch (failure) {
      this.#change(id, {
        status: before.status,
        waiting_since: before.waiting_since,
        closed_at: before.closed_at,
      });
      this.toasts.fail(t('toast.not_closed', { reason: wordsFor(failure) }), () => this.close(id));
    }
  }

  async reopen(id: number): Promise<void> {
    try {
      const path = '/chat/conversations/reopen/';
      this.#took(await this.backend.request<Conversation>('POST', path, { conversation_id: id }));
    } catch (failure) {
      this.toasts.fail(wordsFor(failure), () => this.reopen(id));
    }
  }

  async transfer(id: number, department: string): Promise<void> {
    await this.backend.request('POST', '/chat/conversations/transfer/', { conversation_id: id, department });
    this.toasts.say(t('toast.transferred', { department: this.nameOf(department) }));
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

  nameOf(department: string): string {
    return this.departments.find(({ slug }) => slug === department)?.name ?? department;
  }

  #flush(): void {
    clearTimeout(this.#batch);
    this.#batch = undefined;
    const frames = this.#frames;
    if (frames.length === 0) return;
    this.#frames = [];
    const { openId } = this;
    const seen = openId === null ? undefined : this.desk.threads.get(openId)?.messages.at(-1);
    const { desk, reload } = applyFrames(this.desk, frames, this.user, Date.now());
    this.desk = acknowledge(desk, frames, this.outbox, this.user);
    if (!this.attentive && this.readUpTo === null && seen) this.readUpTo = seen.id;
    if (reload.size > 0) void this.reader.reload(reload);
    if (openId !== null && this.desk.threads.get(openId)?.stale) void this.reader.readThread(openId);
  }

  async #resync(): Promise<void> {
    void this.#readUser();
    await Promise.all([this.readLists(), this.openId === null ? null : this.#load(this.openId)]);
  }

  async #readUser(): Promise<void> {
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
    if (this.openId === id && this.desk.threads.get(id)?.stale) await this.reader.readThread(id);
  }

  async #load(id: number): Promise<void> {
    const unread = this.desk.conversations.get(id)?.unread_count ?? 0;
    if (!this.desk.conversations.has(id)) {
      await this.reader.one(id).catch((failure: unknown) => {
        if (this.openId !== id) return;
        this.toasts.fail(wordsFor(failure));
        this.leave();
      });
      if (this.openId === id) this.#reveal(id);
    }
    await this.reader.readThread(id);
    if (this.openId === id && this.readUpTo === null && unread > 0) this.readUpTo = this.#lastRead(id, unread);
    this.markRead();
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

  /** The newest message before the last `unread` of the guest's: among the loaded ones, or the one before them. */
  #lastRead(id: number, unread: number): number | null {
    const messages = this.desk.threads.get(id)?.messages ?? [];
    const fromGuest = messages.filter(({ sender_type }) => sender_type === 'guest');
    const firstUnread = fromGuest.at(-unread) ?? fromGuest[0];
    return firstUnread ? firstUnread.id - 1 : null;
  }

  #took(conversation: Conversation): void {
    const seq = this.desk.conversations.get(conversation.id)?.seq;
    this.desk = mergeOne(this.desk, conversation, seq) ?? this.desk;
  }

  #change(id: number, change: Partial<Known>): void {
    const known = this.desk.conversations.get(id);
    if (!known) return;
    const conversations = new Map(this.desk.conversations).set(id, { ...known, ...change });
    this.desk = { ...this.desk, conversations };
  }
}
