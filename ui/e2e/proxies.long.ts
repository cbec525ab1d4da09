/** The desk in a browser behind the proxies that docs/operations.md configures: with TLS, HTTP/2, on another port. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Desk } from './desk';
import { expect, test } from './stories';

const script = join(import.meta.dirname, '../../.ci/proxy');
const amelia = { name: 'Amelia Hart', room: '204', number: '+447700900123' };

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Waits until something listens there. */
async function listens(port: number): Promise<void> {
  const isThere = await new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
  if (!isThere) return new Promise((resolve) => setTimeout(resolve, 50)).then(() => listens(port));
}

for (const kind of ['nginx', 'haproxy']) {
  for (const path of ['/', '/desk/']) {
    test.describe(`${kind} at ${path}`, () => {
      test.use({
        options: ['--public-host', 'desk.hotel.example', '--trusted-proxy', '127.0.0.1', '--public-path', path],
      });

      test(`a conversation goes through`, async ({ house, browse }) => {
        const folder = await mkdtemp(join(tmpdir(), 'frontdesk-proxy-'));
        const port = await freePort();
        const words = [kind, folder, String(port), new URL(house.url).port, ...(path === '/' ? [] : [path])];
        const proxy = spawn(script, words, { stdio: ['ignore', 'ignore', 'inherit'] });
        try {
          await listens(port);
          const origin = `https://desk.hotel.example:${port}`;
          const context = await browse({ baseURL: origin });
          await house.write(amelia, 'Hello?');
          const ana = new Desk(await context.newPage());
          // HAProxy asks first whether the server is ready.
          await expect.poll(async () => (await ana.page.goto(path))?.status()).toBe(200);
          await ana.signIn('ana');
          await ana.isConnected();
          await ana.open('204 Amelia Hart');
          await ana.say('Good evening');
          await ana.hasState('Good evening', 'Sent');
          await house.write(amelia, 'Thank you');
          await expect(ana.text('Thank you')).toBeVisible();
          const protocol = await ana.page.evaluate(
            () => (performance.getEntriesByType('navigation')[0] as PerformanceNavigationTiming).nextHopProtocol,
          );
          expect(protocol).toBe('h2');
          const cookies = (await context.cookies()).map(({ name, path: of, secure }) => `${name} ${of} ${secure}`);
          expect(cookies.toSorted()).toEqual([`frontdesk_device ${path}auth/ true`, `frontdesk_session ${path} true`]);
          // A page whose proxy is gone complains.
          await context.close();
        } finally {
          proxy.kill();
          await rm(folder, { recursive: true, force: true });
        }
      });
    });
  }
}
