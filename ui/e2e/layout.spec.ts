/** Where things stand on the screen: nothing jumps, nothing is covered, and what is chosen can be seen by everybody. */
import { join } from 'node:path';
import type { Locator } from '@playwright/test';
import { Desk } from './desk';
import { PASSWORD } from './house';
import { enter, expect, inspect, test } from './stories';

const amelia = { name: 'Amelia Hart', room: '204', number: '+447700900123' };
const jo = { name: 'Jo Okafor', room: '118', number: '+447700900456' };

async function boxOf(locator: Locator) {
  const box = await locator.boundingBox();
  if (!box) throw new Error('it is not on the screen');
  return { ...box, bottom: box.y + box.height, right: box.x + box.width };
}

test('the connection is told at the foot, also while something is searched', async ({ house, at }) => {
  const ana = await at('ana');
  await house.write(amelia, 'Hello?');
  await expect(ana.row('204 Amelia Hart')).toBeVisible();
  const before = await boxOf(ana.connection);
  await ana.page.getByRole('searchbox', { name: 'Search conversations' }).fill('204');
  await expect(ana.page.getByRole('tab')).toHaveCount(0);
  expect(await boxOf(ana.connection)).toEqual(before);
});

test('guests speak on the left, the house on the right, next to where one answers', async ({ house, at }) => {
  const [ana, ben] = await Promise.all([at('ana'), at('ben')]);
  await house.write(amelia, 'Could we have two more towels?');
  await ana.open('204 Amelia Hart');
  await ben.open('204 Amelia Hart');
  await ben.say('At once');
  await expect(ana.text('At once')).toBeVisible();
  await ana.say('They are on their way');
  await ana.hasState('They are on their way', 'Sent');
  const [asked, colleague, mine, log] = await Promise.all([
    boxOf(ana.text('Could we have two more towels?')),
    boxOf(ana.text('At once')),
    boxOf(ana.text('They are on their way')),
    boxOf(ana.log),
  ]);
  const middle = log.x + log.width / 2;
  expect(asked.x).toBeLessThan(middle);
  expect(colleague.x).toBeGreaterThan(middle);
  expect(mine.right).toBeGreaterThan(middle);
  // Few messages stand at the end of the log, not at its beginning.
  expect(log.bottom - mine.bottom).toBeLessThan(60);
  expect(asked.y - log.y).toBeGreaterThan(log.height / 2);
});

test('what the program says in passing covers neither messages nor the place to answer', async ({ house, at }) => {
  const ana = await at('ana');
  for (let line = 1; line <= 20; line += 1) await house.write(jo, `Line ${line}`);
  await ana.show('Open');
  await ana.open('118 Jo Okafor');
  await expect(ana.page).toHaveTitle('Frontdesk');
  await ana.log.focus();
  await ana.page.keyboard.press('End');
  await ana.page.keyboard.type('A draft');
  await ana.page.keyboard.press('Escape');
  await ana.page.keyboard.press('e');
  const toast = ana.toasts.getByText('Not closed, because there is a draft');
  await expect(toast).toBeVisible();
  await expect(ana.text('Line 20')).toBeInViewport();
  await expect(async () => {
    const [said, log, box] = await Promise.all([boxOf(toast), boxOf(ana.log), boxOf(ana.box)]);
    expect(said.y).toBeGreaterThanOrEqual(log.bottom);
    expect(said.bottom).toBeLessThanOrEqual(box.y);
  }).toPass();
});

for (const size of [100, 200]) {
  test(`with ${size} % text, what is said about the messages covers none of them`, async ({ house, at }) => {
    const ana = await at('ana');
    for (let line = 1; line <= 40; line += 1) await house.write(jo, `Line ${line}`);
    await ana.page.evaluate((percent) => (document.documentElement.style.fontSize = `${percent}%`), size);
    await ana.show('Open');
    await ana.open('118 Jo Okafor');
    await ana.log.focus();
    await ana.page.keyboard.press('End');
    await expect(ana.text('Line 40')).toBeInViewport();
    await ana.page.keyboard.press('Home');
    await expect(ana.text('Line 1')).toBeInViewport();
    const beside = async (pill: Locator) => {
      await expect(pill).toBeVisible();
      const [said, log] = await Promise.all([boxOf(pill), boxOf(ana.log)]);
      expect(said.y).toBeGreaterThanOrEqual(log.bottom);
      const foot = await boxOf(ana.box);
      expect(said.bottom).toBeLessThanOrEqual(foot.y);
    };
    await beside(ana.page.getByRole('button', { name: 'To the newest message' }));
    await inspect(ana, `log-scrolled-${size}`);
    await house.write(jo, 'Line 41');
    const below = ana.page.getByRole('button', { name: '1 new message' });
    await beside(below);
    await below.click();
    await expect(ana.text('Line 41')).toBeInViewport({ ratio: 1 });
    await expect(ana.page.getByRole('button', { name: 'To the newest message' })).toHaveCount(0);
  });
}

test('with the system’s colours one sees what is chosen', async ({ house, at }) => {
  const ana = await at('ana', { forcedColors: 'active' });
  await house.write(amelia, 'First');
  await house.write(jo, 'Second');
  await ana.show('Open');
  await ana.open('204 Amelia Hart');
  const edge = (locator: Locator) => locator.evaluate((element) => getComputedStyle(element).borderTopStyle);
  expect(await edge(ana.row('204 Amelia Hart').getByRole('button'))).toBe('solid');
  expect(await edge(ana.row('118 Jo Okafor').getByRole('button'))).toBe('none');
  expect(await edge(ana.page.getByRole('tab', { name: 'Open' }))).toBe('solid');
  expect(await edge(ana.page.getByRole('tab', { name: 'Closed' }))).toBe('none');
  expect(await edge(ana.page.getByRole('button', { name: /^All departments/u }))).toBe('solid');
});

test('under a finger everything is large enough', async ({ house, at }) => {
  const ana = await at('ana', { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  await house.write(amelia, 'Hello?');
  const tooSmall = () =>
    ana.page.evaluate(() =>
      [...document.querySelectorAll('button, input, textarea')]
        .map((element) => ({ name: element.getAttribute('aria-label'), box: element.getBoundingClientRect() }))
        .filter(({ box: { width, height } }) => width > 0 && (width < 40 || height < 40))
        .map(({ name }) => name),
    );
  await expect(ana.row('204 Amelia Hart')).toBeVisible();
  expect(await tooSmall()).toEqual([]);
  await ana.open('204 Amelia Hart', 'tap');
  await expect(ana.text('Hello?')).toBeVisible();
  expect(await tooSmall()).toEqual([]);
});

for (const [width, height] of [
  [1280, 800],
  [900, 600],
  [390, 844],
  [360, 640],
] as const) {
  test(`a long dialog stays within a window of ${width} × ${height}, and scrolls`, async ({ at }) => {
    const ana = await at('ana', { viewport: { width, height } });
    await ana.page.getByRole('button', { name: 'New conversation' }).click();
    await ana.dialog.locator('.content').evaluate((content) => (content.style.minHeight = '3000px'));
    const box = await boxOf(ana.dialog);
    expect(box.y).toBeGreaterThanOrEqual(0);
    expect(box.bottom).toBeLessThanOrEqual(height);
    expect(box.right).toBeLessThanOrEqual(width);
    expect(await ana.dialog.evaluate((it) => it.scrollHeight - it.clientHeight)).toBeGreaterThan(0);
  });
}

test('the button that deletes is red, and the dark theme reaches the browser’s own menus', async ({ house, at }) => {
  const ana = await at('ana', { colorScheme: 'dark' });
  await house.write(amelia, 'Hello?');
  await ana.open('204 Amelia Hart');
  await ana.box.fill('A moment, ');
  await ana.page.getByRole('button', { name: 'Account of Ana Silva' }).click();
  await ana.page.getByRole('menuitem', { name: 'Sign out' }).click();
  const leave = ana.dialog.getByRole('button', { name: 'Sign out and delete' });
  const [red = 0, green = 0, blue = 0] = await leave.evaluate((it) =>
    (getComputedStyle(it).backgroundColor.match(/\d+/gu) ?? []).map(Number),
  );
  expect(Math.min(red - green, red - blue)).toBeGreaterThan(60);
  const scheme = () => ana.page.evaluate(() => getComputedStyle(document.documentElement).colorScheme);
  expect(await scheme()).toBe('dark');
  await ana.page.emulateMedia({ colorScheme: 'light' });
  await expect.poll(scheme).toBe('light');
});

test('in the desktop app’s window the web view’s own menu is off, except where it helps with text', async ({
  browse,
}) => {
  const context = await browse();
  await context.addInitScript({ path: join(import.meta.dirname, '../../src-tauri/src/window.js') });
  const { page } = await enter(await context.newPage(), false);
  const isOff = (selector: string) =>
    page
      .locator(selector)
      .first()
      .evaluate((it) => {
        return !it.dispatchEvent(new MouseEvent('contextmenu', { bubbles: true, cancelable: true }));
      });
  expect(await isOff('h1')).toBe(true);
  expect(await isOff('input')).toBe(false);
  await page.evaluate(() => getSelection()?.selectAllChildren(document.querySelector('h1') ?? document.body));
  expect(await isOff('h1')).toBe(false);
});

test('the answer box has as many lines as its text, also when the window gets wider or narrower', async ({
  house,
  at,
}) => {
  const ana = await at('ana', { viewport: { width: 390, height: 780 } });
  await house.write(amelia, 'Hello?');
  await ana.open('204 Amelia Hart');
  await ana.box.fill('Your taxi comes at eight in front of the main entrance, and the driver knows where to go');
  const tall = await boxOf(ana.box);
  const fits = () => ana.box.evaluate((box) => box.scrollHeight <= box.clientHeight + 1);
  await ana.page.setViewportSize({ width: 1280, height: 390 });
  await expect.poll(async () => (await boxOf(ana.box)).height).toBeLessThan(tall.height);
  await ana.page.setViewportSize({ width: 390, height: 780 });
  await expect.poll(async () => (await boxOf(ana.box)).height).toBe(tall.height);
  expect(await fits()).toBe(true);
});

test('an account for administration is not called offline', async ({ house, at }) => {
  await house.hire({ username: 'olga', name: 'Olga Owner', departments: [], isOnlyAdmin: true });
  await house.write(amelia, 'Hello?');
  const context = (await at(null)).page.context();
  const data = { username: 'olga', password: PASSWORD, cookie: true };
  expect((await context.request.post('/auth/login/', { data })).status()).toBe(200);
  const olga = new Desk(await context.newPage());
  await olga.page.goto('/');
  await olga.show('Open');
  await olga.open('204 Amelia Hart');
  const panel = olga.page.getByRole('complementary', { name: 'Guest' });
  await expect(panel).toContainText('Amelia Hart');
  await expect(panel).not.toContainText('offline');
  await expect(panel.getByRole('heading', { name: 'Online now' })).toHaveCount(0);
});
