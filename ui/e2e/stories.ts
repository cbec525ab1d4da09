/** What every story gets: a hotel, browsers for its people, and an eye on what those browsers complain about. */
import { AxeBuilder } from '@axe-core/playwright';
import { test as base, expect, type BrowserContext, type BrowserContextOptions, type Page } from '@playwright/test';
import { Desk } from './desk';
import { House, PASSWORD, type StaffMember } from './house';

export { expect };

const people: StaffMember[] = [
  { username: 'ana', name: 'Ana Silva', departments: ['reception'] },
  { username: 'ben', name: 'Ben Okoro', departments: ['reception', 'housekeeping'] },
];

/** A refused sign-in or question is the server's answer, and the stories look at what the screen makes of it. */
const isAnswer = (text: string) => /^Failed to load resource: .* status of (4\d\d|503) /u.test(text);
const isUnreachable = (text: string) => /net::ERR_|WebSocket connection to/u.test(text);

interface Stories {
  staff: StaffMember[];
  /** What the server is started with. */
  options: string[];
  house: House;
  /** What browsers complained about. */
  complaints: string[];
  browse: (options?: BrowserContextOptions) => Promise<BrowserContext>;
  /** A signed-in person's desk, connected; `null`: nobody is signed in. */
  at: (username: string | null, options?: BrowserContextOptions) => Promise<Desk>;
}

export const test = base.extend<Stories>({
  staff: [people, { option: true }],

  options: [[], { option: true }],

  house: async ({ staff, options }, use, testInfo) => {
    const house = staff.length > 0 ? await House.open(staff, options) : await House.build(options);
    await use(house);
    if (testInfo.status !== testInfo.expectedStatus) await testInfo.attach('server.log', { body: house.log });
    await house.close();
  },

  // eslint-disable-next-line no-empty-pattern
  complaints: async ({}, use) => {
    const complaints: string[] = [];
    await use(complaints);
    expect(complaints, 'console errors, exceptions and policy violations').toEqual([]);
  },

  browse: async ({ browser, house, complaints }, use) => {
    const contexts: BrowserContext[] = [];
    await use(async (options = {}) => {
      const context = await browser.newContext({
        baseURL: house.url,
        locale: 'en-GB',
        viewport: { width: 1280, height: 800 },
        reducedMotion: 'reduce',
        ...options,
      });
      contexts.push(context);
      await context.addInitScript(() => {
        addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
          // eslint-disable-next-line no-console
          console.error(`policy violated: ${violatedDirective} ${blockedURI}`);
        });
      });
      context.on('console', (message) => {
        if (message.type() !== 'error' && message.type() !== 'warning') return;
        const text = message.text();
        if (!isAnswer(text) && !(house.wasDown && isUnreachable(text))) complaints.push(text);
      });
      context.on('weberror', (error) => complaints.push(String(error.error())));
      return context;
    });
    await Promise.all(contexts.map((context) => context.close()));
  },

  at: async ({ browse }, use) => {
    await use(async (username, options) => {
      const context = await browse(options);
      if (username !== null) {
        const data = { username, password: PASSWORD, cookie: true };
        const answer = await context.request.post('/auth/login/', { data });
        expect(answer.status(), await answer.text()).toBe(200);
      }
      return enter(await context.newPage(), username !== null);
    });
  },
});

/** Opens the page; a signed-in person's is waited for until it is connected. */
export async function enter(page: Page, isSignedIn = true): Promise<Desk> {
  const desk = new Desk(page);
  await page.goto('/');
  if (isSignedIn) await desk.isConnected();
  else await expect(desk.signInButton).toBeVisible();
  return desk;
}

/** Looks at a screen in light and in dark: no violation, and a picture of each. */
export async function inspect({ page }: Desk, name: string): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: `test-results/screens/${name}-${colorScheme}.png` });
    const { violations } = await new AxeBuilder({ page }).setLegacyMode().analyze();
    const found = violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.map(({ html }) => html) }));
    expect(found, `${name}, ${colorScheme}`).toEqual([]);
  }
}
