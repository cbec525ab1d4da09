/** Time that passes at once, for the page and for what it is told of the server's time. */
import type { BrowserContext, Page } from '@playwright/test';

export class Time {
  #aheadMs = 0;
  /** What comes from the server meanwhile waits for its end: it must not be of the time before or after. */
  #passing: Promise<void> = Promise.resolve();

  /** Before the page is opened: from then on, what the server says of the time is ahead by as much as has passed. */
  static async of(context: BrowserContext): Promise<Time> {
    const time = new Time();
    await context.clock.install();
    await context.routeWebSocket('**/ws/chat/', (socket) => {
      const server = socket.connectToServer();
      server.onMessage(async (message) => {
        await time.#passing;
        socket.send(time.#shifted(String(message)));
      });
    });
    const api = /\/(?:(?:auth|chat|clock|departments|guests|property|rooms|setup|staff|stays)\/|readyz$)/u;
    await context.route(api, async (route) => {
      const response = await route.fetch().catch(() => null);
      if (!response) return route.abort();
      await time.#passing;
      const date = new Date(Date.parse(response.headers()['date'] ?? '') + time.#aheadMs).toUTCString();
      return route.fulfill({ response, headers: { ...response.headers(), date } });
    });
    return time;
  }

  async pass(page: Page, ms: number): Promise<void> {
    this.#passing = page.clock.fastForward(ms).then(() => {
      this.#aheadMs += ms;
    });
    await this.#passing;
  }

  #shifted(message: string): string {
    const frame = JSON.parse(message) as { type: string; timestamp?: string };
    if (frame.type !== 'acknowledgment' || frame.timestamp === undefined) return message;
    return JSON.stringify({ ...frame, timestamp: new Date(Date.parse(frame.timestamp) + this.#aheadMs).toISOString() });
  }
}
