/**
 * The one seam between the UI and the server.
 *
 * `tauri.ts` (the desktop: everything below happens in Rust) and `web.ts` (a browser) implement `Backend`; nothing
 * else knows how the server is reached. Every method is a Tauri command of the same name in snake case, taking one
 * argument for each parameter here (camelCase in `invoke`, as Tauri wants it). What they reject with is a `Failure`.
 *
 * What a backend guarantees:
 * - Frames arrive in order, each durable one (`seq`) once per connection's life, also over reconnects (`resume`).
 * - Nothing that happened after a list was read is lost: it comes as a frame, or `resync` says to read again.
 * - A text is queued the moment `sendText` is called, repeated until the server answered it, and stored once.
 */
import type { Acknowledgment } from '../protocol/Acknowledgment';
import type { Command } from '../protocol/Command';
import type { ErrorFrame } from '../protocol/ErrorFrame';
import type { Frame } from '../protocol/Frame';
import type { Problem as Answered } from '../protocol/Problem';
import type { Setup } from '../protocol/Setup';
import type { SetupState } from '../protocol/SetupState';
import type { User } from '../protocol/User';

export type ConnectionState =
  | { state: 'connected' }
  /** `since`: milliseconds since 1970, when the connection was lost. */
  | { state: 'reconnecting'; since: number; reason?: string }
  /** `reason`: why the last attempt failed, in a sentence. */
  | { state: 'offline'; since: number; reason?: string };

/** Where a list was read: everything up to this event (`seq`) of this life of the database (`epoch`) is in it. */
export interface Position {
  epoch: string;
  seq: number;
}

/** A text that the server has not acknowledged. */
export interface OutboxText {
  client_id: string;
  conversation_id: number;
  content: string;
  /** RFC 3339. */
  created_at: string;
  /** `waiting`: no connection; `sending`: on its way; `not_sent`: refused, kept until retried or withdrawn. */
  state: 'waiting' | 'sending' | 'not_sent';
  /** Handed to the server and never answered: it cannot be withdrawn any more. */
  may_have_arrived?: boolean;
  /** On its way for more than 10 s; it is repeated all the same. */
  overdue?: boolean;
  error?: ErrorFrame;
}

/**
 * What becomes of unsent texts when the program ends: they are on disk and sent after the next start (`disk`), or lost,
 * for want of a keyring that could hold their key (`no_keyring`) or of a disk that takes them (`memory`).
 */
export type Keeping = 'disk' | 'no_keyring' | 'memory';

export type BackendEvent =
  | { kind: 'frame'; frame: Frame }
  | { kind: 'connection'; connection: ConnectionState }
  /** What was missed cannot be told: read the lists again. */
  | { kind: 'resync' }
  /** All texts that are not acknowledged, whenever that changes. A text leaves after its `received` frame came. */
  | { kind: 'outbox'; texts: OutboxText[]; kept?: Keeping }
  /** Where things stand is known now, or has changed by itself: the keyring was unlocked, say. */
  | { kind: 'startup'; startup: Startup }
  /** Another tab of this browser changed a draft; an empty text: it is gone. */
  | { kind: 'draft'; conversation_id: number; text: string }
  /** A sentence that the person has to read. */
  | { kind: 'notice'; text: string }
  /** The server shows another certificate than the one that was compared; nothing is sent to it. */
  | { kind: 'certificate_changed'; failure: Problem }
  /** The session is over: revoked, expired, or the account disabled. */
  | { kind: 'signed_out'; reason: string }
  /** A notification was clicked. */
  | { kind: 'open_conversation'; conversation_id: number }
  /** Who waits, whenever that changes; `null`: nobody. */
  | { kind: 'alert'; alert: Alert | null }
  /** Notifications were paused, or the pause ended. */
  | { kind: 'pause'; pause: Pause | null }
  /** A browser plays no sound before the person has used the page: whether that is so now. */
  | { kind: 'sound_blocked'; isBlocked: boolean };

export interface Startup {
  screen: 'choose' | 'setup' | 'sign_in' | 'inbox';
  /** The signed-in person; set when the screen is the inbox. */
  user?: User | null;
  /** Address of the server, to be shown. */
  serverUrl?: string | null;
  /** Whether another server can be chosen (the desktop; not a browser, not when the environment says which). */
  canChoose: boolean;
  /**
   * `waiting`: somebody has to unlock it before it says who is signed in; `startup` tells. `unavailable`: the sign-in
   * cannot be kept and is asked for at every start.
   */
  keyring: 'ok' | 'waiting' | 'unavailable';
  /** Whether the server is inside this program, so that it can be shared with other desks. */
  canShare: boolean;
  /** A sentence for the person, such as why the embedded server did not start. */
  notice?: string | null;
  /** Why the server that was chosen before did not open; with the ways out. */
  failure?: Problem | null;
  /** The conversation that was on the screen of a page that stopped, and is shown again. */
  openConversation?: number | null;
}

export type ServerChoice =
  /**
   * `anyPort`: any free port instead of the one that is taken. `restore`: file name of a backup that takes the place of
   * the database first. `acceptLostData`: go on without the data that only the backups have.
   */
  | { kind: 'this_computer'; demo?: boolean; anyPort?: boolean; restore?: string; acceptLostData?: boolean }
  /** Plain http beyond loopback is refused with `plain_http` until the person accepted the risk. */
  /** A certificate that nobody vouches for is refused with `untrusted_certificate` until its fingerprint was compared. */
  /** `once`: not remembered for the next start. */
  | { kind: 'hotel_server'; address: string; acceptPlainHttp?: boolean; fingerprint?: string; once?: boolean };

/** Another desk's server on this network. */
export interface FoundServer {
  name: string;
  address: string;
}

/** `null`: the server inside is not shared. The fingerprint is SHA-256 in hex. */
export interface Sharing {
  shared: { addresses: string[]; fingerprint: string } | null;
}

/**
 * The first account. The one-time token is added where the server is inside; elsewhere the person types it. Each backend
 * chooses by itself how it keeps the session.
 */
export type SetupBody = Omit<Setup, 'setup_token' | 'cookie'> & Partial<Pick<Setup, 'setup_token'>>;

export interface Settings {
  theme: 'system' | 'light' | 'dark';
}

export const sounds = ['bell', 'chime', 'marimba', 'none'] as const;
export type Sound = (typeof sounds)[number];
/** Minutes; 0: never. */
export const repeats = [0, 2, 5, 10] as const;

/** How one person wants to be alerted at this computer; kept per hotel and person. */
export interface AlertPreferences {
  sound: Sound;
  /**
   * Minutes between repeats while somebody waits past amber; 0: never. 5 by default; the accounts of the demo hotel
   * start with what `GET /setup/` says in `demo.repeat_minutes`.
   */
  repeat_minutes: (typeof repeats)[number];
  /** Waits past the red limit cause a sound during a pause, too. */
  sound_past_red_in_pause: boolean;
  /** The computer does not sleep while somebody is signed in and it has mains power (desktop only). */
  keep_awake: boolean;
  /** Single-letter commands on a row of the list. */
  letter_commands: boolean;
}

export const defaultPreferences: AlertPreferences = {
  sound: 'bell',
  repeat_minutes: 5,
  sound_past_red_in_pause: true,
  keep_awake: true,
  letter_commands: true,
};

/** Notifications are paused until then (milliseconds since 1970); `null`: until switched off. */
export interface Pause {
  until: number | null;
}

/** Who waits and is not in front of the person, for the line above the list. */
export interface Alert {
  /** The longest wait first; at most 50. */
  conversation_ids: number[];
  /** All of them, also those beyond 50. */
  count: number;
  longest: {
    conversation_id: number;
    guest_name: string;
    room_number: string | null;
    department: string;
    /** RFC 3339. */
    waiting_since: string;
  } | null;
  is_past_red: boolean;
}

/** What a test notification with sound came to. `detail`: a sentence, where the system gave one. */
export interface AlertTest {
  notification: 'shown' | 'unavailable' | 'not_allowed';
  sound: 'played' | 'off' | 'no_device' | 'blocked';
  detail?: string;
}

/** `default`: the browser was not asked yet. `unavailable`: it has none, or the address is not a secure context. */
export type NotificationPermissionState = 'granted' | 'denied' | 'default' | 'unavailable';

/** Whether somebody uses the window. */
export interface Presence {
  visible: boolean;
  focused: boolean;
  /** A key or the pointer was used in the window since the last call. */
  used: boolean;
}

/** An RFC 9457 problem; `status` 0 and `code` `unreachable` when there was no answer at all. */
export interface Problem extends Pick<Answered, 'status' | 'code' | 'title' | 'detail' | 'conversation_id'> {
  errors?: Answered['errors'];
  /** Of the certificate that has to be compared; with `untrusted_certificate` and `certificate_changed`. */
  fingerprint?: string;
  /** Of the certificate that was compared before; with `certificate_changed`. */
  known?: string;
  /** Backups that have what the database has lost, the newest first; `day`: ISO 8601. With `data_lost`. */
  backups?: { file: string; day: string }[];
  /** Address of the Frontdesk that runs on this computer; with `port_taken` and `in_use`. */
  running?: string | null;
  /** Whether another port would do; with `port_taken`. */
  other_port?: boolean;
  /** Seconds, with `429`. */
  retry_after?: number;
}

/** A command that was not answered within 10 s, or could not be sent at all; what the outbox refuses. */
export interface Unanswered {
  code: 'timeout' | 'offline' | 'busy' | 'outbox_full' | 'already_sent';
  /** For a log: the screen has its own words for each code. */
  message?: string;
}

export type Failure = Problem | ErrorFrame | Unanswered;

/** Every command but those that the backend sends by itself. */
export type DirectCommand = Exclude<Command, { type: 'text' } | { type: 'resume' }>;

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

export interface Backend {
  /** Whether this is the desktop app, which keeps the computer awake and can be quit. */
  readonly isDesktop: boolean;
  /** Called once; says which screen comes first. Tauri: `onEvent` is a `Channel<BackendEvent>`. */
  start(onEvent: (event: BackendEvent) => void): Promise<Startup>;
  chooseServer(choice: ServerChoice): Promise<Startup>;
  /** What everybody may know of the server: which hotel it is, and whether it waits for its first account. */
  setupState(): Promise<SetupState>;
  setup(body: SetupBody): Promise<User>;
  /**
   * Rejects with `second_factor_required` when the account needs a code, of the app or a recovery code. A person with
   * `needs_second_factor` reaches nothing but their own account until they have added one.
   */
  signIn(username: string, password: string, code?: string): Promise<User>;
  signOut(): Promise<void>;
  /**
   * Opens the connection and keeps it open until `signOut`. What happened since `from` is told; without it, `resync`
   * says to read again. Calling it again changes nothing.
   */
  connect(from: Position | null): Promise<void>;
  /**
   * Queues a text; resolves with its `client_id`, long before it is sent. It is written down by then, where that is
   * possible. Rejects with `outbox_full` when too much waits already.
   */
  sendText(conversationId: number, content: string): Promise<string>;
  retryText(clientId: string): Promise<void>;
  /** Takes a text back; rejects with `already_sent` when the server may have it. */
  withdrawText(clientId: string): Promise<void>;
  /** What was typed and not sent: conversation and text, the oldest first. Empty until the person is signed in. */
  drafts(): Promise<[number, string][]>;
  /**
   * Keeps a draft of at most 4,096 code points, for this person at this hotel; an empty text removes it. At most 500 are
   * kept, the oldest are dropped first. Rejects when it cannot be saved, which does not affect sending. Signing out
   * deletes all drafts.
   */
  saveDraft(conversationId: number, text: string): Promise<void>;
  /** Resolves at the acknowledgment (`typing`, which has none: `null`, at once); rejects after 10 s with `timeout`. */
  command(command: DirectCommand): Promise<Acknowledgment | null>;
  /** HTTP to the server. */
  request<T>(method: Method, path: string, body?: unknown): Promise<T>;
  /** Saves the file that the server answers there with; only where there is a way to. */
  saveFile?: (path: string) => Promise<void>;
  settings(): Promise<Settings>;
  saveSettings(settings: Settings): Promise<void>;
  /** How many conversations have something unread that waits for an answer, for the window title and the tray. */
  setUnread(count: number): Promise<void>;
  alertPreferences(): Promise<AlertPreferences>;
  saveAlertPreferences(preferences: AlertPreferences): Promise<void>;
  /** `null` ends the pause. */
  setPause(pause: Pause | null): Promise<void>;
  /** No repeats for one period, for this person. */
  silence(): Promise<void>;
  /** Plays one of the sounds, for the person to choose; only where the page can do that itself. */
  playSound?: (sound: Sound) => Promise<void>;
  /** Shows a test notification with sound. */
  testAlert(): Promise<AlertTest>;
  /** Called when it changes, and at most every 5 s while keys or the pointer are used. */
  setPresence(presence: Presence): Promise<void>;
  /** Reconnects now instead of after the pause between attempts. */
  reconnectNow(): Promise<void>;
  /** Whether this browser lets the page show notifications; absent on the desktop, where nobody has to be asked. */
  notificationPermission?: () => NotificationPermissionState;
  /** Lets the browser ask the person. Returns whether they allowed it. */
  askToNotify?: () => Promise<boolean>;
  /** Whether the server inside is shared with other desks; only where `canShare`. */
  sharing(): Promise<Sharing>;
  share(wanted: boolean): Promise<Sharing>;
  /** Servers that other desks share on this network: two seconds of listening. */
  findServers(): Promise<FoundServer[]>;
  /** Goes on with the certificate that the person has compared; only where the program checks certificates itself. */
  trustCertificate?: (fingerprint: string) => Promise<void>;
  /** Ends the program; only where there is one. */
  quit?: () => Promise<void>;
  /** The conversation on the screen: what `resume` names, and what needs no notification. */
  setOpen(conversationId: number | null): Promise<void>;
}
