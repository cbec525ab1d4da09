/** A browser: HTTP and WebSocket to the server that served this page, signed in by its session cookie. */
import type { Conversation } from '../protocol/Conversation';
import type { Login } from '../protocol/Login';
import type { SetupState } from '../protocol/SetupState';
import type { SignedIn } from '../protocol/SignedIn';
import type { User } from '../protocol/User';
import { t } from '../i18n';
import { addressOf } from './address';
import { WebAlerts } from './alerts/alerts';
import { DraftStore } from './drafts';
import { requestFile, requestJson } from './http';
import { Outbox } from './outbox';
import { Ownership } from './ownership';
import { Pace } from './pace';
import { randomId } from './random';
import { serverTime } from './server_time';
import { ChatSocket } from './socket';
import { readStored, store } from './stored';
import type { Backend, BackendEvent, Failure, Method, OutboxText, Problem, Settings, Startup } from './types';

const SETTINGS = 'frontdesk.settings';
const FILE_KEPT_MS = 60_000;
/** What a person does by these needs no alert to the same person. */
const OWN_ACTIONS = ['/chat/conversations/reopen/', '/chat/conversations/transfer/'];

export function webBackend(): Backend {
  let emit: (event: BackendEvent) => void = () => {};
  let user: User | null = null;
  /** The person signs out: that the session ends is no news. */
  let isLeaving = false;
  const alerts: WebAlerts = new WebAlerts({
    emit: (event) => emit(event),
    read: (path) => requestJson('GET', path),
    command: (command) => socket.command(command),
  });
  const pace = new Pace();
  let paced: ReturnType<typeof setTimeout> | undefined;

  const socket: ChatSocket = new ChatSocket({
    frame(frame) {
      emit({ kind: 'frame', frame });
      if (frame.type === 'acknowledgment' && 'epoch' in frame) drafts.epoch = frame.epoch;
      alerts.frame(frame);
      if (frame.type === 'acknowledgment' && frame.status === 'received' && frame.client_id !== undefined) {
        outbox.answered(frame.client_id);
        send();
      } else if (frame.type === 'error' && frame.client_id !== undefined) {
        if (frame.code === 'rate_limited') {
          pace.hold(Date.now());
          outbox.putBack(frame.client_id);
        } else outbox.refused(frame.client_id, frame);
        send();
      }
    },
    state(connection) {
      alerts.connection(connection);
      emit({ kind: 'connection', connection });
    },
    resync: () => emit({ kind: 'resync' }),
    ready(isComplete, epoch) {
      void alerts.connected(isComplete);
      if (outbox.setEpoch(epoch)) emit({ kind: 'notice', text: t('outbox.another_database') });
      send();
    },
    followed: () => alerts.following.ids,
    lost: () => outbox.connectionLost(),
    ended() {
      if (!isLeaving) signedOut();
    },
    departments: () => emit({ kind: 'resync' }),
    async refused() {
      try {
        const person = await requestJson<User>('GET', '/auth/me/');
        if (person.needs_second_factor !== true) return;
      } catch (problem) {
        // Signed out, or the account is disabled.
        if (![401, 403].includes((problem as Problem).status)) return;
      }
      socket.disconnect();
      signedOut();
    },
  });

  /** The server ended the session. */
  function signedOut(): void {
    alerts.signedOut();
    // Their texts are kept until they sign in again.
    ownership?.end();
    ownership = null;
    outbox.close();
    emit({ kind: 'signed_out', reason: 'session_ended' });
  }

  /** Of this person's texts in this browser. */
  let ownership: Ownership | null = null;
  const outbox = new Outbox(localStorage, {
    changed: (texts) => emit({ kind: 'outbox', texts }),
    overdue: () => socket.reconnect(),
    received: () => send(),
    isOwner: () => ownership?.isOwner === true,
  });

  const drafts = new DraftStore(
    localStorage,
    () => Date.now(),
    (conversation_id, text) => emit({ kind: 'draft', conversation_id, text }),
  );
  addEventListener('storage', (event) => {
    if (event.storageArea !== localStorage) return;
    drafts.stored(event);
    outbox.stored(event.key);
  });

  /** Hands over what may go, as fast as the server takes it. */
  function send(): void {
    clearTimeout(paced);
    if (!socket.isLive) return;
    for (let text = outbox.next(); text; text = outbox.next()) {
      const laterMs = pace.take(Date.now());
      if (laterMs > 0) {
        paced = setTimeout(send, laterMs);
        return;
      }
      const { client_id, conversation_id, content } = text;
      outbox.handedOver(client_id);
      socket.send({ type: 'text', client_id, conversation_id, content });
    }
  }

  function signedIn(person: User): User {
    user = person;
    outbox.open(person.property.id, person.id);
    const legacy = `frontdesk.outbox.${person.id}`;
    for (const text of readStored<OutboxText[]>(sessionStorage, legacy) ?? []) outbox.adopt(text);
    store(sessionStorage, legacy, null);
    ownership?.end();
    const key = `frontdesk.owner.${person.property.id}.${person.id}`;
    ownership = new Ownership(key, localStorage, navigator.locks, () => {
      outbox.own();
      send();
    });
    drafts.open(person.property.id, person.id);
    alerts.begin(person);
    return person;
  }

  async function signIn(username: string, password: string, code?: string): Promise<User> {
    const body: Login = { username, password, cookie: true, ...(code === undefined ? {} : { code }) };
    const { user: person } = await requestJson<SignedIn>('POST', '/auth/login/', body);
    return signedIn(person);
  }

  /** What a signed-in person asks: the session may have ended meanwhile. */
  async function inSession<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (problem) {
      if ((problem as Problem).status === 401 && user) {
        socket.disconnect();
        signedOut();
      }
      throw problem;
    }
  }

  // Leaving with texts that nobody has yet is worth a question.
  addEventListener('beforeunload', (event) => {
    if (!outbox.isEmpty) event.preventDefault();
  });

  return {
    isDesktop: false,
    async start(onEvent): Promise<Startup> {
      emit = onEvent;
      const serverUrl = addressOf('/').href.replace(/\/$/u, '');
      const shown = { canChoose: false, canShare: false, keyring: 'ok', serverUrl } as const;
      try {
        return { ...shown, screen: 'inbox', user: signedIn(await requestJson<User>('GET', '/auth/me/')) };
      } catch (problem) {
        if ((problem as Problem).status !== 401) throw problem;
        return { ...shown, screen: 'sign_in' };
      }
    },
    chooseServer: () => Promise.reject(new Error('a browser has the server that it came from')),
    sharing: () => Promise.resolve({ shared: null }),
    share: () => Promise.reject(new Error('a browser has no server inside')),
    findServers: () => Promise.resolve([]),
    setupState: () => requestJson<SetupState>('GET', '/setup/'),
    async setup(body) {
      const { user: person } = await requestJson<SignedIn>('POST', '/setup/', { ...body, cookie: true });
      return signedIn(person);
    },
    signIn,
    async signOut() {
      isLeaving = true;
      try {
        await requestJson('POST', '/auth/logout/');
      } catch (problem) {
        // A session that is over already is what was wanted.
        if ((problem as Problem).status !== 401) throw problem;
      } finally {
        isLeaving = false;
      }
      socket.disconnect();
      outbox.clear();
      ownership?.end();
      ownership = null;
      drafts.clear();
      alerts.end();
      user = null;
    },
    connect(from) {
      if (from) drafts.epoch = from.epoch;
      socket.connect(from);
      return Promise.resolve();
    },
    sendText(conversation_id, content) {
      if (outbox.isFull(content)) {
        return Promise.reject({ code: 'outbox_full' } satisfies Failure);
      }
      const client_id = randomId();
      const created_at = new Date(serverTime.now()).toISOString();
      outbox.add({ client_id, conversation_id, content, created_at, state: 'waiting' });
      send();
      return Promise.resolve(client_id);
    },
    retryText(clientId) {
      outbox.retry(clientId);
      send();
      return Promise.resolve();
    },
    async withdrawText(clientId) {
      if (!(await outbox.withdraw(clientId))) throw { code: 'already_sent' } satisfies Failure;
    },
    drafts: () => drafts.all(),
    // `async`: a full storage rejects instead of throwing.
    saveDraft: async (conversationId, text) => drafts.save(conversationId, text),
    command(command) {
      // A conversation that waits stays subscribed after it was left.
      const { type, conversation_id } = command;
      if (type === 'unsubscribe_conversation' && alerts.following.has(conversation_id)) return Promise.resolve(null);
      return socket.command(command);
    },
    async request<T>(method: Method, path: string, body?: unknown): Promise<T> {
      const acted = OWN_ACTIONS.includes(path) ? (body as { conversation_id?: number }).conversation_id : undefined;
      if (acted !== undefined) alerts.own(acted);
      const answer = await inSession(requestJson<T>(method, path, body));
      if (path === '/chat/conversations/create/') alerts.own((answer as Conversation).id);
      if (method === 'GET' && path === '/auth/me/') alerts.took(answer as User);
      return answer;
    },
    async saveFile(path) {
      const { name, content } = await inSession(requestFile(path));
      const link = document.createElement('a');
      link.href = URL.createObjectURL(content);
      link.download = name;
      link.click();
      // By then the browser has it.
      setTimeout(() => URL.revokeObjectURL(link.href), FILE_KEPT_MS);
    },
    settings() {
      const standard: Settings = { theme: 'system' };
      return Promise.resolve({ ...standard, ...readStored<Partial<Settings>>(localStorage, SETTINGS) });
    },
    saveSettings(settings) {
      store(localStorage, SETTINGS, settings);
      return Promise.resolve();
    },
    setUnread(count) {
      alerts.unread(count);
      return Promise.resolve();
    },
    alertPreferences: () => alerts.preferences(),
    saveAlertPreferences(preferences) {
      alerts.save(preferences);
      return Promise.resolve();
    },
    setPause(pause) {
      alerts.pause(pause);
      return Promise.resolve();
    },
    silence() {
      alerts.silence();
      return Promise.resolve();
    },
    notificationPermission: () => alerts.permission,
    askToNotify: () => alerts.ask(),
    playSound: (sound) => alerts.play(sound),
    testAlert: () => alerts.test(),
    setPresence(presence) {
      alerts.presence(presence);
      return Promise.resolve();
    },
    reconnectNow() {
      socket.reconnectNow();
      return Promise.resolve();
    },
    setOpen(conversationId) {
      socket.open = conversationId;
      alerts.open(conversationId);
      return Promise.resolve();
    },
  };
}
