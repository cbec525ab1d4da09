/** Which screen is shown, from the start of the program to signing out. */
import type { Backend, BackendEvent, ServerChoice, SetupBody, Startup } from '../backend/types';
import type { SetupState } from '../protocol/SetupState';
import type { User } from '../protocol/User';
import { t } from '../i18n';
import { wordsFor } from './failure';
import { Inbox } from './inbox.svelte';
import { measured } from './server_time';
import { Preferences } from './theme.svelte';

export type Screen = 'starting' | 'failed' | 'second_factor' | Startup['screen'];

/** The latest event of each of these is applied to an inbox that comes after it. */
const REMEMBERED: readonly BackendEvent['kind'][] = [
  'outbox',
  'connection',
  'certificate_changed',
  'alert',
  'pause',
  'sound_blocked',
];

/**
 * How long the inbox waits for its first list, in milliseconds. Drawn together with the list, it is there sooner than if it
 * were drawn twice.
 */
const LIST_WITHIN_MS = 100;

export class App {
  screen = $state<Screen>('starting');
  startup = $state.raw<Startup | null>(null);
  /** What the server says of itself before anybody has signed in; `null` while it has not answered. */
  server = $state.raw<SetupState | null>(null);
  inbox = $state.raw<Inbox | null>(null);
  failure = $state.raw<unknown>(null);
  notice = $state<string | null>(null);
  readonly preferences: Preferences;
  readonly backend: Backend;
  #toOpen: number | null = null;
  /** The first list takes longer than `LIST_WITHIN_MS`. */
  #isListLate = $state(false);
  readonly #told = new Map<BackendEvent['kind'], BackendEvent>();

  constructor(backend: Backend) {
    this.backend = measured(backend);
    this.preferences = new Preferences(backend);
  }

  /** The inbox, from when it can be drawn. */
  get drawnInbox(): Inbox | null {
    if (this.screen !== 'inbox' || this.inbox === null) return null;
    const { active, isWaitingRead } = this.inbox.reader;
    return isWaitingRead || active.done || active.failure !== null || this.#isListLate ? this.inbox : null;
  }

  async start(): Promise<void> {
    this.screen = 'starting';
    try {
      const startup = await this.backend.start((event) => this.#on(event));
      this.#toOpen ??= startup.openConversation ?? null;
      // It may have been told meanwhile.
      if (!this.inbox) this.#enter(startup);
      await this.preferences.load();
    } catch (failure) {
      this.failure = failure;
      this.screen = 'failed';
    }
  }

  async chooseServer(choice: ServerChoice): Promise<void> {
    this.notice = null;
    this.#enter(await this.backend.chooseServer(choice));
  }

  /** Asks which hotel this is. Without an answer, the screens name the server's address. */
  async readServer(): Promise<void> {
    this.server = null;
    const { startup } = this;
    const server = await this.backend.setupState().catch(() => null);
    // Another server may have been chosen meanwhile.
    if (this.startup?.serverUrl === startup?.serverUrl) this.server = server;
  }

  async setup(body: SetupBody): Promise<void> {
    this.#signedIn(await this.backend.setup(body));
  }

  async signIn(username: string, password: string, code?: string): Promise<void> {
    this.#signedIn(await this.backend.signIn(username, password, code));
  }

  /** The second factor was added: the rest is open now. */
  async lookAgain(): Promise<void> {
    this.#signedIn(await this.backend.request<User>('GET', '/auth/me/'));
  }

  /** Nothing is forgotten before the server has ended the session. */
  async signOut(): Promise<void> {
    const { inbox } = this;
    try {
      await this.backend.signOut();
    } catch (failure) {
      const text = t('toast.not_signed_out', { reason: wordsFor(failure) });
      if (inbox) inbox.toasts.fail(failure, () => this.signOut(), text);
      else this.notice = text;
      return;
    }
    inbox?.forget();
    this.#leave(null);
  }

  #enter(startup: Startup): void {
    this.startup = startup;
    this.notice = startup.notice ?? this.notice;
    if (startup.screen === 'inbox' && startup.user) this.#signedIn(startup.user);
    else this.screen = startup.screen;
  }

  /** What stands on the screen gives way to what is known now, unless the person is somewhere else already. */
  #learn(startup: Startup): void {
    const waits = this.screen === 'starting' || this.screen === 'sign_in' || this.screen === 'second_factor';
    if (waits) this.#enter(startup);
    else this.startup = startup;
  }

  #signedIn(user: User): void {
    if (user.needs_second_factor === true) {
      this.screen = 'second_factor';
      return;
    }
    const inbox = new Inbox(this.backend, user);
    // What was said while nobody was signed in stays until somebody has read it.
    if (this.startup?.notice) inbox.toasts.stay(this.startup.notice);
    if (this.startup) this.startup = { ...this.startup, notice: null };
    this.notice = null;
    this.inbox = inbox;
    this.screen = 'inbox';
    this.#isListLate = false;
    setTimeout(() => (this.#isListLate = true), LIST_WITHIN_MS);
    for (const event of this.#told.values()) inbox.on(event);
    void inbox.begin();
    if (this.#toOpen !== null) inbox.open(this.#toOpen);
    this.#toOpen = null;
  }

  #leave(notice: string | null): void {
    this.inbox?.end();
    this.inbox = null;
    // The next person has other texts.
    this.#told.clear();
    this.notice = notice;
    this.screen = 'sign_in';
    void this.backend.setUnread(0);
  }

  #on(event: BackendEvent): void {
    if (REMEMBERED.includes(event.kind)) this.#told.set(event.kind, event);
    // A connection that is there has a certificate that is trusted.
    if (event.kind === 'connection' && event.connection.state === 'connected') this.#told.delete('certificate_changed');
    if (event.kind === 'signed_out') this.#leave(t('sign_in.ended'));
    else if (event.kind === 'startup') this.#learn(event.startup);
    else if (this.inbox) this.inbox.on(event);
    else if (event.kind === 'open_conversation') this.#toOpen = event.conversation_id;
  }
}
