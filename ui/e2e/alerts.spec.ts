/** Nobody is missed: what a browser shows and plays when guests wait. */
import type { BrowserContextOptions, Page } from '@playwright/test';
import type { Desk } from './desk';
import { enter, expect, inspect, test as base } from './stories';
import { PASSWORD, type House } from './house';
import { Time } from './time';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const amelia = { name: 'Amelia Hart', room: '204', number: '+447700900123' };
const jo = { name: 'Jo Okafor', room: '118', number: '+447700900124' };
const line = (page: Page) => page.getByRole('region', { name: 'Waiting guests' }).first();

interface Alerted {
  sounds: number;
  vibrations: number;
  notifications: { title: string; body: string }[];
}

/** What the page has played and shown so far. */
const alerted = (page: Page) => page.evaluate(() => (window as unknown as { alerted: Alerted }).alerted);
const sounds = async (page: Page) => (await alerted(page)).sounds;

interface Stories {
  /** A person's desk whose time can pass at once, and whose sounds and notifications are counted. */
  timed: (username: string, options?: BrowserContextOptions) => Promise<{ desk: Desk; time: Time }>;
}

const test = base.extend<Stories>({
  timed: async ({ browse }, use) => {
    await use(async (username, options) => {
      const context = await browse({ permissions: ['notifications'], ...options });
      const time = await Time.of(context);
      await context.addInitScript(() => {
        const seen: Alerted = { sounds: 0, vibrations: 0, notifications: [] };
        Object.assign(window, { alerted: seen });
        const { suspend } = AudioContext.prototype;
        const suspended = new Promise((resolve) => {
          AudioContext.prototype.suspend = function () {
            const done = suspend.call(this);
            resolve(done);
            return done;
          };
        });
        Object.assign(window, { suspended });
        navigator.vibrate = () => {
          seen.vibrations += 1;
          return true;
        };
        const { start } = AudioBufferSourceNode.prototype;
        AudioBufferSourceNode.prototype.start = function (...given) {
          seen.sounds += 1;
          start.apply(this, given);
        };
        window.Notification = class extends Notification {
          constructor(title: string, options?: NotificationOptions) {
            super(title, options);
            seen.notifications.push({ title, body: options?.body ?? '' });
          }
        };
      });
      await context.request.post('/auth/login/', { data: { username, password: PASSWORD, cookie: true } });
      return { desk: await enter(await context.newPage()), time };
    });
  },
});

/** Somebody touches the page: from then on a browser lets it play sounds. */
async function touch({ page }: Desk): Promise<void> {
  const tap = page.getByRole('button', { name: 'Turn sound on' }).first();
  await tap.click();
  await expect(tap).toHaveCount(0);
}

test('a waiting guest is shown above the list and in the title, and opened from there', async ({ house, at }) => {
  const ana = await at('ana');
  await house.write(amelia, 'Water is coming through the ceiling');
  await house.write(jo, 'Hello?');
  await expect(line(ana.page)).toContainText('2 guests are waiting, the longest for 0:');
  await expect(line(ana.page)).toContainText('204 Amelia Hart');
  await expect(ana.page).toHaveTitle('(2) Frontdesk');
  await inspect(ana, 'alert-line');
  await line(ana.page).getByRole('button', { name: 'Open' }).click();
  await expect(ana.titled('Amelia Hart')).toBeVisible();
  await expect(line(ana.page)).toContainText('1 guest is waiting for');
  await expect(ana.page).toHaveTitle('(1) Frontdesk');
});

test('sound plays after the first tap; until then a line says what to do', async ({ house, timed }) => {
  const { desk, time } = await timed('ana');
  const tap = desk.page.getByRole('button', { name: 'Turn sound on' }).first();
  await house.write(amelia, 'Hello?');
  await expect(line(desk.page)).toContainText('1 guest is waiting');
  expect(await sounds(desk.page)).toBe(0);
  await expect(tap).toBeVisible();
  await touch(desk);
  // Two sounds do not run into each other.
  await time.pass(desk.page, 4 * SECOND);
  const { vibrations } = await alerted(desk.page);
  await house.write(jo, 'Water is coming through the ceiling');
  await expect.poll(() => sounds(desk.page)).toBe(1);
  expect((await alerted(desk.page)).vibrations).toBe(vibrations + 1);
});

test('a sound device that takes seconds to wake up plays all the same', async ({ house, timed }) => {
  const { desk, time } = await timed('ana');
  const { page } = desk;
  await touch(desk);
  // Unused, the device goes to sleep.
  const suspended = page.evaluate(() => (window as unknown as { suspended: Promise<unknown> }).suspended);
  await time.pass(page, 61 * SECOND);
  await suspended;
  await page.evaluate(() => {
    const { resume } = AudioContext.prototype;
    const awake = new Promise<void>((wake) => Object.assign(window, { wake }));
    AudioContext.prototype.resume = async function () {
      await awake;
      return resume.call(this);
    };
  });
  await house.write(amelia, 'Water is coming through the ceiling');
  await expect(line(page)).toContainText('1 guest is waiting');
  await time.pass(page, 3 * SECOND);
  await expect(page.getByRole('button', { name: 'Turn sound on' })).toHaveCount(0);
  expect(await sounds(page)).toBe(0);
  await page.evaluate(() => (window as unknown as { wake: () => void }).wake());
  await expect.poll(() => sounds(page)).toBe(1);
});

test('a guest writes a minute after the clerk has left: it sounds, and stays unread until somebody is there', async ({
  house,
  timed,
}) => {
  const { desk, time } = await timed('ana');
  const { conversation_id } = await house.write(amelia, 'Hello?');
  await touch(desk);
  await desk.open('204 Amelia Hart');
  await expect(desk.page).toHaveTitle('Frontdesk');
  await house.write(amelia, 'Are you there?');
  await expect(desk.text('Are you there?')).toBeVisible();
  const before = await sounds(desk.page);
  const unread = () =>
    house
      .ask<{ unread_count: number }>('ana', `/chat/conversations/${conversation_id}/`)
      .then(({ unread_count }) => unread_count);
  await expect.poll(unread).toBe(0);

  await time.pass(desk.page, 61 * SECOND);
  await house.write(amelia, 'Water is coming through the ceiling');
  await expect(desk.text('Water is coming through the ceiling')).toBeVisible();
  await expect.poll(() => sounds(desk.page)).toBe(before + 1);
  await expect(desk.page).toHaveTitle('(1) Frontdesk');
  await expect(line(desk.page)).toContainText('204 Amelia Hart');
  expect(await unread()).toBe(1);
  const { title, body } = (await alerted(desk.page)).notifications.at(-1) ?? { title: '', body: '' };
  expect(title).toMatch(/204.*Amelia Hart.*Reception/u);
  expect(body).toBe('Water is coming through the ceiling');

  await desk.page.mouse.move(300, 300);
  await expect.poll(unread).toBe(0);
  await expect(desk.page).toHaveTitle('Frontdesk');
  await expect(line(desk.page)).toHaveCount(0);
});

test('who waits past five minutes is signalled again, until somebody presses Silence or answers', async ({
  house,
  timed,
}) => {
  const { desk, time } = await timed('ana');
  const { page } = desk;
  await touch(desk);
  await time.pass(page, 61 * SECOND);
  await house.write(amelia, 'Water is coming through the ceiling');
  await expect.poll(() => sounds(page)).toBe(1);
  await time.pass(page, 5 * MINUTE);
  await expect.poll(() => sounds(page)).toBe(2);
  await expect(line(page)).toContainText('1 guest is waiting for 6 min — 204 Amelia Hart');
  expect((await alerted(page)).notifications.at(-1)?.title).toBe('1 guest is waiting');
  await inspect(desk, 'alert-late');

  await line(page).getByRole('button', { name: 'Silence' }).focus();
  await page.keyboard.press('Space');
  await expect(line(page).getByRole('button', { name: 'Silence' })).toHaveCount(0);
  // The same key once more opens nobody's conversation.
  await expect(line(page)).toBeFocused();
  await page.keyboard.press('Space');
  await expect(page.getByText('No conversation open')).toBeVisible();
  await time.pass(page, 4 * MINUTE);
  await expect(line(page)).toContainText('for 10 min');
  expect(await sounds(page)).toBe(2);
  await time.pass(page, 2 * MINUTE);
  await expect.poll(() => sounds(page)).toBe(3);
  await time.pass(page, 5 * MINUTE);
  await expect.poll(() => sounds(page)).toBe(4);
  await expect.poll(async () => (await alerted(page)).notifications.at(-1)?.title).toBe('Urgent: 1 guest is waiting');
  await inspect(desk, 'alert-overdue');

  await desk.open('204 Amelia Hart');
  await desk.say('Somebody is on the way');
  await expect(line(page)).toHaveCount(0);
  await time.pass(page, 30 * MINUTE);
  expect(await sounds(page)).toBe(4);
});

test('nobody is signalled again while a colleague types the answer', async ({ house, at, timed }) => {
  const { desk, time } = await timed('ana');
  const ben = await at('ben');
  await touch(desk);
  await time.pass(desk.page, 61 * SECOND);
  await house.write(amelia, 'Hello?');
  await expect.poll(() => sounds(desk.page)).toBe(1);
  await time.pass(desk.page, 5 * MINUTE);
  await expect.poll(() => sounds(desk.page)).toBe(2);
  await ben.open('204 Amelia Hart');
  await time.pass(desk.page, 5 * MINUTE - 3 * SECOND);
  // The conversation waits past amber: this page is subscribed to it, and is told who types.
  const typed = desk.page.waitForEvent('console', { predicate: (message) => message.text() === 'typing' });
  await desk.page.evaluate(() => {
    const { parse } = JSON;
    JSON.parse = (text: string, ...rest: []) => {
      const value = parse(text, ...rest) as { type?: string } | null;
      // eslint-disable-next-line no-console
      if (value?.type === 'typing') console.info('typing');
      return value;
    };
  });
  await ben.box.pressSequentially('Just a mom');
  await typed;
  await time.pass(desk.page, 4 * SECOND);
  await expect(line(desk.page)).toContainText('for 11 min');
  expect(await sounds(desk.page)).toBe(2);
  await time.pass(desk.page, 7 * SECOND);
  await expect.poll(() => sounds(desk.page)).toBe(3);
});

test('a pause is visible, silences until it ends, and says then who waits', async ({ house, timed }) => {
  const { desk, time } = await timed('ana');
  const { page } = desk;
  await touch(desk);
  await page.getByRole('button', { name: /^Account of/u }).click();
  await page.getByRole('menuitem', { name: 'Pause notifications…' }).click();
  await inspect(desk, 'pause');
  await desk.dialog.getByRole('button', { name: 'For an hour' }).click();
  const paused = page.getByRole('button', { name: /^Paused/u });
  await expect(paused).toBeVisible();
  await expect(page).toHaveTitle(/notifications paused$/u);
  await inspect(desk, 'paused');

  await house.write(amelia, 'Hello?');
  await expect(line(page)).toContainText('1 guest is waiting');
  await time.pass(page, 5 * MINUTE);
  await expect(line(page)).toContainText('for 5 min');
  expect(await alerted(page)).toEqual({ sounds: 0, vibrations: 0, notifications: [] });
  // It belongs to the person, and survives a reload.
  await page.reload();
  await expect(paused).toBeVisible();
  await desk.isConnected();
  await page.mouse.click(5, 5);
  await time.pass(page, 56 * MINUTE);
  await expect(paused).toHaveCount(0);
  await expect.poll(() => sounds(page)).toBe(1);
  await expect(page).toHaveTitle('(1) Frontdesk');
});

test('a pause until a time ends then, and can be ended before', async ({ at }) => {
  const ana = await at('ana');
  const open = async () => {
    await ana.page.getByRole('button', { name: /^Account of/u }).click();
    await ana.page
      .getByRole('menuitem', { name: /otifications/u })
      .first()
      .click();
  };
  await open();
  await ana.dialog.getByLabel('Until', { exact: true }).fill('23:45');
  await ana.dialog.getByRole('button', { name: 'Pause', exact: true }).click();
  await expect(ana.page.getByRole('button', { name: 'Paused Notifications are paused until 23:45.' })).toBeVisible();
  await open();
  await ana.dialog.getByRole('button', { name: 'Resume notifications' }).click();
  await expect(ana.page.getByRole('button', { name: /^Paused/u })).toHaveCount(0);
  await expect(ana.page).toHaveTitle('Frontdesk');
});

test('more than three notifications within ten seconds become one', async ({ house, timed }) => {
  const { desk, time } = await timed('ana');
  await touch(desk);
  await time.pass(desk.page, 61 * SECOND);
  for (let guest = 1; guest <= 5; guest += 1) {
    await house.write({ name: `Guest ${guest}`, room: `${300 + guest}`, number: `+44770090020${guest}` }, 'Hello?');
  }
  await expect(line(desk.page)).toContainText('5 guests are waiting');
  const { notifications } = await alerted(desk.page);
  expect(notifications.slice(3).map(({ title }) => title)).toEqual(['4 guests are waiting', '5 guests are waiting']);
  expect(notifications).toHaveLength(5);
});

/** Ana has answered Amelia, and a minute ago used the page last. Returns the gateway's id of the answer. */
async function answered(house: House, { desk, time }: { desk: Desk; time: Time }): Promise<string> {
  await touch(desk);
  await house.write(amelia, 'Hello?');
  await desk.open('204 Amelia Hart');
  await desk.say('Good evening');
  await desk.hasState('Good evening', 'Sent');
  const { delivery_id } = await house.gateway.delivery('Good evening');
  await time.pass(desk.page, 61 * SECOND);
  return delivery_id;
}

const lastTitle = async (page: Page) => (await alerted(page)).notifications.at(-1)?.title;

test('an answer of mine that failed while events were lost is signalled', async ({ house, timed }) => {
  const ana = await timed('ana');
  const { page } = ana.desk;
  const delivery = await answered(house, ana);
  const context = page.context();
  house.wasDown = true;
  await context.setOffline(true);
  await expect(ana.desk.connection).toHaveText('Offline');
  await house.report(delivery, 'failed');
  // The server's data is replaced by a backup: what was missed cannot be told.
  const file = await house.backup();
  await house.stop();
  await house.cli('restore', file);
  await house.start();
  await context.setOffline(false);
  await ana.desk.isConnected();
  await expect.poll(() => lastTitle(page)).toBe('Your answer was not delivered');
  expect((await alerted(page)).notifications.filter(({ title }) => title.includes('not delivered'))).toHaveLength(1);
});

test('an answer that I wrote before the page was loaded again is signalled when it fails', async ({ house, timed }) => {
  const ana = await timed('ana');
  const { page } = ana.desk;
  const delivery = await answered(house, ana);
  await page.reload();
  await ana.desk.isConnected();
  await ana.time.pass(page, 61 * SECOND);
  await house.report(delivery, 'failed');
  await expect.poll(() => lastTitle(page)).toBe('Your answer was not delivered');
});

test('without a connection the title says so at once, and a minute later a notification with sound', async ({
  house,
  timed,
}) => {
  const { desk, time } = await timed('ana');
  const { page } = desk;
  await touch(desk);
  await house.stop();
  await expect(page).toHaveTitle('Offline Frontdesk');
  await time.pass(page, 30 * SECOND);
  expect(await alerted(page)).toEqual({ sounds: 0, vibrations: 0, notifications: [] });
  await time.pass(page, 31 * SECOND);
  await expect
    .poll(() => alerted(page))
    .toEqual({
      sounds: 1,
      vibrations: 1,
      notifications: [
        {
          title: 'Frontdesk cannot reach the hotel’s server.',
          body: 'You will not be alerted to guest messages here.',
        },
      ],
    });
  await house.start();
  await desk.page.getByRole('button', { name: 'Try now' }).click();
  await desk.isConnected();
  await expect.poll(async () => (await alerted(page)).notifications.at(-1)?.title).toBe('Frontdesk is connected again');
  await expect(page).toHaveTitle('Frontdesk');
});

test('Try now connects at once, whatever is left of the pause between attempts', async ({ house, at }) => {
  const ana = await at('ana');
  await ana.page.clock.install();
  await house.stop();
  await expect(ana.connection).toHaveText('Reconnecting…');
  await ana.page.clock.runFor(20 * SECOND);
  await expect(ana.connection).toHaveText('Offline');
  // From now on no pause ends by itself.
  await ana.page.clock.pauseAt(Date.now() + MINUTE);
  await house.start();
  await ana.page.getByRole('button', { name: 'Try now' }).dispatchEvent('click');
  await ana.page.clock.runFor(50);
  await ana.isConnected();
});

test('each person chooses how they are alerted, and can try it', async ({ timed }) => {
  const { desk } = await timed('ana');
  const { page } = desk;
  const open = async () => {
    await page.getByRole('button', { name: /^Account of/u }).click();
    await page.getByRole('menuitem', { name: 'Notifications…', exact: true }).click();
  };
  await open();
  await expect(desk.dialog).toContainText('A locked phone stays silent');
  await desk.dialog.getByRole('radio', { name: 'Marimba' }).check();
  await desk.dialog.getByRole('button', { name: 'Play Chime' }).click();
  await expect.poll(() => sounds(page)).toBe(1);
  await desk.dialog.getByRole('combobox', { name: 'Repeat' }).selectOption('Every 2 minutes');
  await desk.dialog.getByRole('button', { name: 'Show a test notification with sound' }).click();
  await expect(desk.dialog).toContainText('The notification was shown.');
  await expect(desk.dialog).toContainText('The sound was played.');
  await inspect(desk, 'notifications');
  await desk.dialog.getByRole('radio', { name: 'None' }).check();
  await desk.dialog.getByRole('button', { name: 'Show a test notification with sound' }).click();
  await expect(desk.dialog).toContainText('No sound was played, because none is chosen.');
  await page.reload();
  await open();
  await expect(desk.dialog.getByRole('radio', { name: 'None' })).toBeChecked();
  await expect(desk.dialog.getByRole('combobox', { name: 'Repeat' })).toHaveValue('2');
});

test('the account menu has help, and says which version runs', async ({ at }) => {
  const ana = await at('ana');
  await ana.page.getByRole('button', { name: /^Account of/u }).click();
  await expect(ana.page.getByText(/^Frontdesk \d+\.\d+\.\d+$/u)).toBeVisible();
  await ana.page.getByRole('menuitem', { name: 'Keyboard shortcuts' }).click();
  await expect(ana.dialog).toBeVisible();
});
