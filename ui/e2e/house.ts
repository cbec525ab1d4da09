/** A hotel for one story: the real server with its data, its staff, its guests and the gateway they write through. */
import { execFile, spawn, type ChildProcessByStdio } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { Gateway } from './gateway';

const binary = process.env['FRONTDESK_SERVER_BIN'] ?? join(import.meta.dirname, '../../target/debug/frontdesk-server');

/** What the person who runs the tests has set is none of the server's business. */
const env = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FRONTDESK_'))),
  // Hotels take their zone from the computer.
  TZ: 'UTC',
};

/** Of everybody. */
export const PASSWORD = 'correct horse battery';

export interface StaffMember {
  username: string;
  name: string;
  departments: string[];
  isAdmin?: boolean;
  /** Administers, and answers no guests. */
  isOnlyAdmin?: boolean;
}

/** Who writes. */
export interface Guest {
  name: string;
  room?: string;
  number: string;
}

/** Where a guest's message went. */
export interface Written {
  message_id: number;
  conversation_id: number;
  conversation_created: boolean;
}

function expectEmpty({ unknown }: { unknown: string[] }): void {
  if (unknown.length > 0) throw new Error(`the server does not know ${unknown.join()}`);
}

export class House {
  url = '';
  /** The server was stopped: browsers complain about that, and may. */
  wasDown = false;
  log = '';
  readonly gateway: Gateway;
  readonly #dataDir: string;
  #options: string[] = [];
  #server: ChildProcessByStdio<null, Readable, Readable> | null = null;

  private constructor(dataDir: string, gateway: Gateway) {
    this.#dataDir = dataDir;
    this.gateway = gateway;
  }

  /** The demo hotel. */
  static async demo(): Promise<House> {
    const house = new House(await mkdtemp(join(tmpdir(), 'frontdesk-e2e-')), await Gateway.listen());
    house.#options = ['--demo'];
    await house.start();
    return house;
  }

  /** A server that knows nobody, started with these options. */
  static async build(options: readonly string[] = []): Promise<House> {
    const house = new House(await mkdtemp(join(tmpdir(), 'frontdesk-e2e-')), await Gateway.listen());
    house.#options = [...options];
    await house.start();
    return house;
  }

  /** A hotel with a gateway and these people at work. */
  static async open(staff: readonly StaffMember[], options: readonly string[] = []): Promise<House> {
    const house = await House.build(options);
    await house.cli('property', 'create', '--name', 'Hotel Aurora');
    const gateway = house.cli('gateway', 'create', '--name', 'Guests', '--callback-url', house.gateway.url);
    await Promise.all(staff.map((member) => house.hire(member)));
    house.gateway.use((await gateway) as { key: string; signing_secret: string });
    return house;
  }

  async start(): Promise<void> {
    const listen = this.url === '' ? '127.0.0.1:0' : new URL(this.url).host;
    const server = spawn(binary, ['serve', '--data-dir', this.#dataDir, '--listen', listen, ...this.#options], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#server = server;
    server.stderr.setEncoding('utf8').on('data', (text: string) => (this.log += text));
    const line = await Promise.race([
      once(createInterface(server.stdout), 'line').then(([first]) => String(first)),
      once(server, 'exit').then(([code]) => Promise.reject(new Error(`the server ended with ${code}: ${this.log}`))),
      once(server, 'error').then(([error]) => Promise.reject(error)),
    ]);
    const { event, url } = JSON.parse(line) as { event: string; url: string };
    if (event !== 'listening') throw new Error(`the server said ${line}`);
    this.url = url;
  }

  /** Stops the server as an administrator would; `SIGKILL`: as a power cut would. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = null;
    this.wasDown = true;
    const exited = once(server, 'exit');
    server.kill(signal);
    await exited;
  }

  async close(): Promise<void> {
    await this.stop('SIGKILL');
    await this.gateway.close();
    await rm(this.#dataDir, { recursive: true, force: true });
  }

  /** The one-time token, which the server printed before it listened. */
  async setupToken(): Promise<string> {
    for (;;) {
      const token = /^ {4}(\S+)$/mu.exec(this.log)?.[1];
      if (token !== undefined) return token;
      if (!this.#server) throw new Error(`no setup token in: ${this.log}`);
      await once(this.#server.stderr, 'data');
    }
  }

  /** Runs the command line on this hotel's data; answers with the last object that it printed. */
  async cli(...words: string[]): Promise<unknown> {
    return this.#cli(words, '');
  }

  /** Copies the database, as it is now, into a file. */
  async backup(): Promise<string> {
    const file = join(this.#dataDir, `${randomUUID()}.backup`);
    await this.cli('backup', file);
    return file;
  }

  /** Moves the database away under the running server; what is returned puts it back. */
  async removeDatabase(): Promise<() => Promise<void>> {
    const file = join(this.#dataDir, 'frontdesk.db');
    const aside = `${file}.aside`;
    await rename(file, aside);
    return () => rename(aside, file);
  }

  async hire(
    { username, name, departments, isAdmin = false, isOnlyAdmin = false }: StaffMember,
    property?: number,
  ): Promise<void> {
    const places = departments.flatMap((department) => ['--department', department]);
    const where = property === undefined ? [] : ['--property', String(property)];
    const rights = isOnlyAdmin ? ['--user-type', 'hotel_admin'] : isAdmin ? ['--admin'] : [];
    const words = ['staff', 'create', '--username', username, '--name', name, ...places, ...rights, ...where];
    await this.#cli([...words, '--password-stdin'], `${PASSWORD}\n`);
  }

  async #cli(words: string[], input: string): Promise<unknown> {
    const running = promisify(execFile)(binary, ['--json', '--data-dir', this.#dataDir, ...words], { env });
    // A command that asks for nothing may have ended by now; what it came to is told below.
    running.child.stdin?.on('error', () => {}).end(input);
    const { stdout } = await running;
    const last = stdout.trim().split('\n').at(-1) ?? '';
    return last === '' ? null : JSON.parse(last);
  }

  /** A guest writes, through the gateway. */
  async write(guest: Guest, content: string, department = 'reception'): Promise<Written> {
    const response = await fetch(`${this.url}/gateway/messages/`, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.gateway.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        external_id: randomUUID(),
        whatsapp_number: guest.number,
        name: guest.name,
        room_number: guest.room,
        department,
        content,
      }),
    });
    if (!response.ok) throw new Error(`the gateway's message was refused: ${await response.text()}`);
    return (await response.json()) as Written;
  }

  /** The gateway says what became of a reply. */
  async report(delivery_id: string, state: 'delivered' | 'read' | 'failed', reason?: string): Promise<void> {
    const authorization = `Bearer ${this.gateway.key}`;
    const statuses = [{ delivery_id, state, ...(reason === undefined ? {} : { reason }) }];
    expectEmpty(await this.#json<{ unknown: string[] }>('/gateway/statuses/', { statuses }, { authorization }));
  }

  /** Asks the server over HTTP as somebody of the staff, beside whatever their browser does. */
  async ask<T>(username: string, path: string, body?: unknown, method?: 'PATCH'): Promise<T> {
    const signedIn = await this.#json<{ token: string }>('/auth/login/', { username, password: PASSWORD });
    return this.#json<T>(path, body, { authorization: `Bearer ${signedIn.token}` }, method);
  }

  /** What a conversation holds, by the server's own account. */
  async texts(username: string, conversationId: number): Promise<string[]> {
    const path = `/chat/conversations/${conversationId}/messages/?limit=200`;
    const { results } = await this.ask<{ results: { content: string }[] }>(username, path);
    return results.map(({ content }) => content);
  }

  async #json<T>(
    path: string,
    body: unknown,
    headers: Record<string, string> = {},
    method: string = body === undefined ? 'GET' : 'POST',
  ): Promise<T> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      body: body === undefined ? null : JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
    return (await response.json()) as T;
  }
}
