/** The browser's connection: reconnects, resumes where it stood, and matches answers with commands. */
import ReconnectingWebSocket from 'partysocket/ws';
import type { Acknowledgment } from '../protocol/Acknowledgment';
import type { Command } from '../protocol/Command';
import type { ErrorFrame } from '../protocol/ErrorFrame';
import type { Frame } from '../protocol/Frame';
import { socketAddressOf } from './address';
import { ANSWER_WITHIN_MS, Pending } from './pending';
import { serverTime } from './server_time';
import type { ConnectionState, DirectCommand, Failure, Position } from './types';

/** Without a connection for this long it is called offline. */
const OFFLINE_AFTER_MS = 10_000;
/** A person who presses a button again and again makes no more than one attempt in this time. */
const ONCE_IN_MS = 1_000;
/** A browser does not see pings: after this silence it asks. */
const SILENCE_MS = 40_000;

export interface SocketHandlers {
  frame: (frame: Frame) => void;
  state: (state: ConnectionState) => void;
  /** Events may be missing. */
  resync: () => void;
  /** Live: texts may be sent. `isComplete`: no event is missing. */
  ready: (isComplete: boolean, epoch: string) => void;
  /** Conversations besides the open one that stay subscribed over a reconnect. */
  followed: () => readonly number[];
  lost: () => void;
  /** The session is over. */
  ended: () => void;
  /** A connection was refused: is the session still good? */
  refused: () => void;
  /** The person's departments changed. */
  departments: () => void;
}

export class ChatSocket {
  open: number | null = null;

  /** The newest event that this client has. */
  #position: Position | null = null;
  #socket: ReconnectingWebSocket | null = null;
  #phase: 'down' | 'opening' | 'resuming' | 'live' = 'down';
  readonly #pending = new Pending(
    (command) => this.send(command),
    () => this.reconnect(),
  );
  #lostAt = 0;
  #openedAt = -Infinity;
  /** When `resume` was sent, by the page's own clock. */
  #resumedAt = 0;
  #offlineTimer: ReturnType<typeof setTimeout> | undefined;
  #silenceTimer: ReturnType<typeof setTimeout> | undefined;
  #probeTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #on: SocketHandlers;

  constructor(handlers: SocketHandlers) {
    this.#on = handlers;
  }

  get isLive(): boolean {
    return this.#phase === 'live';
  }

  connect(from: Position | null): void {
    if (this.#socket) return;
    this.#position = from && { ...from };
    this.#lostAt = Date.now();
    this.#tellState();
    this.#open();
    addEventListener('offline', this.#wentOffline);
    addEventListener('online', this.#cameOnline);
  }

  #open(): void {
    this.#openedAt = performance.now();
    // It waits a random part of the first delay more, so that a whole house does not come back at once.
    const socket = new ReconnectingWebSocket(socketAddressOf('/ws/chat/'), [], {
      minReconnectionDelay: 500 + Math.random() * 1_000,
      maxReconnectionDelay: 8_000 + Math.random() * 4_000,
      reconnectionDelayGrowFactor: 1.6,
      minUptime: 5_000,
      connectionTimeout: 8_000,
      maxEnqueuedMessages: 0,
    });
    this.#socket = socket;
    // A socket that was replaced is ignored.
    const isCurrent = () => this.#socket === socket;
    socket.addEventListener('open', () => {
      if (!isCurrent()) return;
      this.#phase = 'opening';
      this.#resume();
    });
    socket.addEventListener('close', (event) => {
      if (isCurrent()) this.#closed(event.code);
    });
    socket.addEventListener('message', (event) => {
      if (isCurrent()) this.#received(String(event.data));
    });
  }

  disconnect(): void {
    removeEventListener('offline', this.#wentOffline);
    removeEventListener('online', this.#cameOnline);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.#down();
    clearTimeout(this.#offlineTimer);
  }

  /** The connection gives no answers: make another one. */
  reconnect(): void {
    this.#socket?.reconnect();
  }

  /**
   * The network is back, or a person does not want to wait for the next attempt. Another socket is made, because this
   * one cannot end its pause between attempts.
   */
  reconnectNow(): void {
    const before = this.#socket;
    if (!before || this.#phase !== 'down' || performance.now() - this.#openedAt < ONCE_IN_MS) return;
    this.#open();
    before.close();
  }

  send(command: Command): boolean {
    if (!this.#socket || this.#phase === 'down') return false;
    this.#socket.send(JSON.stringify(command));
    return true;
  }

  command(command: DirectCommand): Promise<Acknowledgment | null> {
    if (this.#phase !== 'live') return Promise.reject({ code: 'offline' } satisfies Failure);
    return this.#pending.add(command);
  }

  #resume(): void {
    const { epoch = null, seq = null } = this.#position ?? {};
    const followed = this.#on.followed().filter((id) => id !== this.open);
    const conversation_ids = this.open === null ? followed : [this.open, ...followed];
    this.#resumedAt = performance.now();
    this.send({ type: 'resume', epoch, last_seq: seq, conversation_ids });
    this.#expectAnswer();
  }

  #received(data: string): void {
    const frame = JSON.parse(data) as Frame;
    this.#heard();
    if (frame.type === 'acknowledgment') this.#acknowledged(frame);
    if (frame.type === 'error' && frame.client_id === undefined) this.#refused(frame);
    if ('seq' in frame && frame.seq !== undefined && frame.type !== 'acknowledgment') {
      // What came before `resuming` comes again in the replay.
      if (this.#phase === 'opening' || (this.#position && frame.seq <= this.#position.seq)) return;
      if (this.#position) this.#position.seq = frame.seq;
    }
    this.#on.frame(frame);
  }

  #acknowledged(acknowledgment: Acknowledgment): void {
    const { status } = acknowledgment;
    if (status === 'resuming') {
      serverTime.fromTimestamp(acknowledgment.timestamp, performance.now() - this.#resumedAt);
      if (this.#phase === 'opening') this.#phase = 'resuming';
    } else if (status === 'resumed' || status === 'resync_required') {
      const isComplete = status === 'resumed' && this.#position !== null;
      this.#position = { epoch: acknowledgment.epoch, seq: acknowledgment.seq };
      const wasLive = this.#phase === 'live';
      this.#phase = 'live';
      this.#lostAt = 0;
      clearTimeout(this.#offlineTimer);
      if (!wasLive) this.#on.state({ state: 'connected' });
      if (!isComplete) this.#on.resync();
      this.#on.ready(isComplete, acknowledgment.epoch);
    } else {
      this.#pending.acknowledged(acknowledgment);
    }
  }

  #refused(error: ErrorFrame): void {
    if (error.conversation_id !== undefined) this.#pending.refused(error);
    // The server could not say where this client stands.
    else if (this.#phase !== 'live') this.reconnect();
  }

  #closed(code: number): void {
    const wasUp = this.#phase !== 'down';
    this.#down();
    if (!this.#socket) return;
    if (code === 4401) {
      this.disconnect();
      this.#on.ended();
      return;
    }
    if (code === 4403) {
      this.#position = null;
      this.#on.departments();
    }
    if (this.#lostAt === 0) this.#lostAt = Date.now();
    this.#tellState();
    if (!wasUp) this.#on.refused();
  }

  #down(): void {
    clearTimeout(this.#silenceTimer);
    clearTimeout(this.#probeTimer);
    this.#phase = 'down';
    this.#pending.connectionLost();
    this.#on.lost();
  }

  #tellState(): void {
    const since = this.#lostAt;
    const left = since + OFFLINE_AFTER_MS - Date.now();
    const isOffline = !navigator.onLine || left <= 0;
    this.#on.state({ state: isOffline ? 'offline' : 'reconnecting', since });
    clearTimeout(this.#offlineTimer);
    if (!isOffline) this.#offlineTimer = setTimeout(() => this.#tellState(), left);
  }

  readonly #wentOffline = (): void => {
    // The browser knows before the socket does.
    if (this.#phase !== 'down') this.#socket?.reconnect();
    else this.#tellState();
  };

  readonly #cameOnline = (): void => this.reconnectNow();

  #heard(): void {
    clearTimeout(this.#probeTimer);
    clearTimeout(this.#silenceTimer);
    this.#silenceTimer = setTimeout(() => this.#resume(), SILENCE_MS);
  }

  #expectAnswer(): void {
    clearTimeout(this.#probeTimer);
    this.#probeTimer = setTimeout(() => this.reconnect(), ANSWER_WITHIN_MS);
  }
}
