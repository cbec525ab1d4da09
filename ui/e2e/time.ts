/** Time that passes at once, for the page and for what it is told of the server's time. */
import type { BrowserContext, Page } from '@playwright/test';

export class Time {
  #aheadMs = 0;

  /** Before the page is opened: from then on, what the server says of the time is ahead by as much as has passed. */
  static async of(context: BrowserContext): Promise<Time> {
    const time = new Time();
    await context.clock.install();
    await context.routeWebSocket('**/ws/chat/', (socket) => {
      const server = socket.connectToServer();
      server.onMessage((message) => socket.send(time.#shifted(String(message))));
    });
    const api = /\/(?:auth|chat|departments|guests|property|rooms|setup|staff|stays)\//u;
    await context.route(api, async (route) => {
      const response = await route.fetch().catch(() => null);
      if (!response) return route.abort();
      const date = new Date(Date.parse(response.headers()['date'] ?? '') + time.#aheadMs).toUTCString();
      return route.fulfill({ response, headers: { ...response.headers(), date } });
    });
    return time;
  }

  async pass(page: Page, ms: number): Promise<void> {
    this.#aheadMs += ms;
    await page.clock.fastForward(ms);
  }

  #shifted(message: string): string {
    const frame = JSON.parse(message) as { type: string; timestamp?: string };
    if (frame.type !== 'acknowledgment' || frame.timestamp === undefined) return message;
    return JSON.stringify({ ...frame, timestamp: new Date(Date.parse(frame.timestamp) + this.#aheadMs).toISOString() });
  }
}
