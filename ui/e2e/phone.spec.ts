/** A phone: one column, Back, a reload, large text, the line about other guests. */
import { devices, type Page } from '@playwright/test';
import { PASSWORD } from './house';
import { enter, expect, inspect, test } from './stories';
import { Time } from './time';

const amelia = { name: 'Amelia Hart', room: '204', number: '+447700900123' };
const jo = { name: 'Josephine Okafor-Lindqvist', room: 'Chalet 12B', number: '+447700900124' };
const everywhere = ['reception', 'housekeeping', 'room_service', 'restaurant', 'management'];
const { userAgent, viewport, deviceScaleFactor, isMobile, hasTouch } = devices['iPhone 14'];
const phone = { userAgent, viewport: viewport ?? { width: 390, height: 664 }, deviceScaleFactor, isMobile, hasTouch };

test('Back leads from a conversation to the list, and Forward to the conversation again', async ({ house, at }) => {
  await house.write(amelia, 'Hello');
  const ana = await at('ana', phone);
  await ana.open('204 Amelia Hart');
  await ana.page.goBack();
  await expect(ana.row('204 Amelia Hart')).toBeVisible();
  await expect(ana.log).toBeHidden();
  await ana.page.goForward();
  await expect(ana.titled('Amelia Hart')).toBeVisible();
  // The button on the screen leaves nothing behind that Back would lead to.
  const entries = await ana.page.evaluate(() => history.length);
  await ana.page.getByRole('button', { name: /^Back to the list/u }).click();
  await expect(ana.row('204 Amelia Hart')).toBeVisible();
  await ana.open('204 Amelia Hart');
  expect(await ana.page.evaluate(() => history.length)).toBe(entries);
});

test('a tap opens a row below a line whose height is no whole number of pixels', async ({ house, at }) => {
  await house.write(amelia, 'Water is coming through the ceiling');
  const ana = await at('ana', phone);
  await expect(ana.page.getByRole('region', { name: 'Waiting guests' }).first()).toBeVisible();
  // A height that is no whole number of pixels, as fonts and zoom cause it.
  const alerts = ana.page.locator('.alerts');
  await alerts.evaluate((it) => (it.style.paddingBottom = '0.4px'));
  // A row that has just moved takes no tap.
  await expect(async () => {
    await ana.row('204 Amelia Hart').tap();
    await expect(ana.titled('Amelia Hart')).toBeVisible({ timeout: 500 });
  }).toPass();
});

test('Back closes what lies over the conversation first', async ({ house, at }) => {
  await house.write(amelia, 'Hello');
  const ana = await at('ana', phone);
  await ana.open('204 Amelia Hart');
  await ana.page.getByRole('button', { name: 'Guest details' }).click();
  await expect(ana.page.getByRole('complementary', { name: 'Guest' })).toBeVisible();
  await ana.page.goBack();
  await expect(ana.page.getByRole('complementary', { name: 'Guest' })).toBeHidden();
  await expect(ana.titled('Amelia Hart')).toBeVisible();
});

/** How many layers the browser's history has for what lies over the page. */
const layersInHistory = (page: Page) => page.evaluate(() => (history.state as { layers?: number } | null)?.layers ?? 0);

test('Back closes a dialog, the palette or the menu that lies over the list, and nothing else', async ({
  house,
  at,
}) => {
  await house.write(amelia, 'Hello');
  await house.write(jo, 'Hello');
  const ana = await at('ana', phone);
  const { page } = ana;
  await ana.open('204 Amelia Hart');
  await page.goBack();
  const menu = page.getByRole('menu');
  const account = page.getByRole('button', { name: /^Account of/u });
  const openings = [
    { layer: ana.dialog, open: () => page.getByRole('button', { name: 'New conversation' }).click() },
    { layer: ana.dialog, open: () => page.keyboard.press('Control+k') },
    { layer: menu, open: () => account.click() },
  ];
  for (const { layer, open } of openings) {
    await expect(ana.row('204 Amelia Hart')).toBeVisible();
    await open();
    await expect(layer).toBeVisible();
    await expect.poll(() => layersInHistory(page)).toBe(1);
    await page.goBack();
    await expect(layer).toHaveCount(0);
    await expect(ana.row('204 Amelia Hart')).toBeVisible();
    await expect(ana.log).toBeHidden();
    // Forward does not bring back what was closed, nor anything else.
    await page.goForward();
    await expect.poll(() => layersInHistory(page)).toBe(0);
    await expect(layer).toHaveCount(0);
    await expect(ana.log).toBeHidden();
  }
});

test('what is closed on the screen leaves nothing behind for Back', async ({ house, at }) => {
  await house.write(amelia, 'Hello');
  await house.write(jo, 'Is breakfast included?');
  const ana = await at('ana', phone);
  const { page } = ana;
  await ana.open('204 Amelia Hart');
  // From a menu to its dialog, both over the guest's details, over the conversation.
  await page.getByRole('button', { name: 'Guest details' }).click();
  const panel = page.getByRole('complementary', { name: 'Guest' });
  await expect(panel).toBeVisible();
  await page.keyboard.press('Control+k');
  await expect(ana.dialog).toBeVisible();
  await expect.poll(() => layersInHistory(page)).toBe(2);
  await page.keyboard.press('Escape');
  await expect(ana.dialog).toHaveCount(0);
  await expect.poll(() => layersInHistory(page)).toBe(1);
  await page.goBack();
  await expect(panel).toBeHidden();
  await expect(ana.titled('Amelia Hart')).toBeVisible();

  // The palette opens another conversation: Back leads from that one to the list, not to the palette.
  await page.keyboard.press('Control+k');
  await page.keyboard.type('josephine');
  await page.keyboard.press('Enter');
  await expect(ana.titled('Josephine Okafor-Lindqvist')).toBeVisible();
  await expect.poll(() => layersInHistory(page)).toBe(0);
  await page.goBack();
  await expect(ana.row('204 Amelia Hart')).toBeVisible();
  await expect(ana.log).toBeHidden();
});

test('Back closes a dialog though another conversation was opened beneath it', async ({ house, browse }) => {
  const context = await browse({ ...phone, permissions: ['notifications'] });
  const time = await Time.of(context);
  await context.addInitScript(() => {
    window.Notification = class extends Notification {
      constructor(title: string, options?: NotificationOptions) {
        super(title, options);
        Object.assign(window, { notification: this });
      }
    };
  });
  await context.request.post('/auth/login/', { data: { username: 'ana', password: PASSWORD, cookie: true } });
  const ana = await enter(await context.newPage());
  const { page } = ana;
  await house.write(amelia, 'Hello');
  await ana.open('204 Amelia Hart');
  await page.getByRole('button', { name: 'Transfer to a department' }).click();
  await expect(ana.dialog).toBeVisible();
  await expect.poll(() => layersInHistory(page)).toBe(1);
  // Nobody has used the page for a minute: the other guest's message causes a notification, which is clicked.
  await time.pass(page, 61_000);
  const { conversation_id } = await house.write(jo, 'Is breakfast included?');
  await page.waitForFunction(() => 'notification' in window);
  await page.evaluate(() => {
    (window as unknown as { notification: Notification }).notification.dispatchEvent(new Event('click'));
  });
  await expect(page.locator('h2', { hasText: 'Josephine Okafor-Lindqvist' })).toBeVisible();
  await page.goBack();
  await expect(ana.dialog).toHaveCount(0);
  await expect(ana.titled('Josephine Okafor-Lindqvist')).toBeVisible();
  await page.goBack();
  await expect(ana.row('204 Amelia Hart')).toBeVisible();
  const path = `/chat/conversations/${conversation_id}/`;
  expect(await house.ask('ana', path)).toMatchObject({ department: 'reception', status: 'active' });
});

for (const { width, height } of [
  { width: 390, height: 844 },
  { width: 360, height: 640 },
]) {
  test(`all departments are in sight on a screen of ${width} × ${height}`, async ({ house, at }) => {
    await house.hire({ username: 'eve', name: 'Eve Lund', departments: everywhere, isAdmin: true });
    const eve = await at('eve', { ...phone, viewport: { width, height } });
    const rail = eve.page.getByRole('navigation', { name: 'Departments' });
    const places = rail.locator('.places').getByRole('button');
    await expect(places).toHaveCount(everywhere.length + 1);
    const foot = await rail.getByRole('button', { name: /^Account of/u }).boundingBox();
    for (const place of await places.all()) {
      await expect(place).toBeInViewport({ ratio: 1 });
      const box = await place.boundingBox();
      expect((box?.x ?? 0) + (box?.width ?? 0)).toBeLessThanOrEqual(foot?.x ?? 0);
      const isCut = await place
        .locator('.label')
        .evaluate((it) => it.scrollWidth > it.clientWidth || it.scrollHeight > it.clientHeight + 1);
      expect(isCut, await place.innerText()).toBe(false);
    }
    await eve.fits();
    await inspect(eve, `phone-departments-${width}`);
    await eve.page.getByRole('button', { name: /^Account of/u }).tap();
    await eve.page.getByRole('menuitem', { name: 'Pause notifications…' }).tap();
    await eve.dialog.getByRole('button', { name: 'For an hour' }).tap();
    await expect(eve.page.getByRole('button', { name: /^Paused/u })).toBeInViewport({ ratio: 1 });
    await expect(eve.page.getByRole('button', { name: /^Account of/u })).toBeInViewport({ ratio: 1 });
    await eve.fits();
    await inspect(eve, `phone-paused-${width}`);
    await eve.page.evaluate(() => (document.documentElement.style.fontSize = '32px'));
    await eve.fits();
    await inspect(eve, `phone-departments-${width}-large`);
  });
}

test('a reload opens the same conversation again, for the same person only', async ({ house, at }) => {
  await house.write(amelia, 'Hello');
  const ana = await at('ana', phone);
  await ana.open('204 Amelia Hart');
  await ana.page.reload();
  await expect(ana.titled('Amelia Hart')).toBeVisible();
  await expect(ana.text('Hello')).toBeVisible();
  await ana.page.goBack();
  await expect(ana.row('204 Amelia Hart')).toBeVisible();
  await ana.open('204 Amelia Hart');
  await ana.page.context().clearCookies();
  await ana.page.reload();
  await ana.signIn('ben');
  await ana.isConnected();
  await expect(ana.titled('Amelia Hart')).toHaveCount(0);
});

test('a guest who writes while another conversation is open is shown and counted', async ({ house, at }) => {
  await house.write(amelia, 'Hello');
  const ana = await at('ana', phone);
  await ana.open('204 Amelia Hart');
  const closing = ana.page.getByRole('button', { name: 'Close conversation' });
  const before = await closing.boundingBox();
  await house.write(jo, 'Water is coming through the ceiling');
  await expect(ana.page.getByRole('button', { name: 'Back to the list, 1 guest is waiting' })).toBeVisible();
  const line = ana.page.getByRole('region', { name: 'Waiting guests' }).last();
  await expect(line).toContainText('1 guest is waiting');
  // A finger on its way to a button in the header still meets that button.
  expect(await closing.boundingBox()).toEqual(before);
  await expect(line).toContainText('Chalet 12B Josephine Okafor-Lindqvist');
  await ana.fits();
  await inspect(ana, 'phone-alert');
  await line.getByRole('button', { name: 'Open' }).click();
  await expect(ana.titled('Josephine Okafor-Lindqvist')).toBeVisible();
});

test('with text twice as large the header wraps: room and name are there in full', async ({ house, at }) => {
  await house.write(jo, 'Water is coming through the ceiling');
  const ana = await at('ana', phone);
  await ana.page.evaluate(() => (document.documentElement.style.fontSize = '32px'));
  await ana.page.screenshot({ path: 'test-results/screens/phone-large-list.png' });
  await ana.open('Chalet 12B');
  const title = ana.titled('Josephine Okafor-Lindqvist');
  await expect(title).toBeVisible();
  const isCut = await title.evaluate(
    (it) => it.scrollWidth > it.clientWidth + 1 || it.scrollHeight > it.clientHeight + 1,
  );
  expect(isCut).toBe(false);
  await ana.fits();
  // Nothing lies over anything else.
  const header = ana.page.getByRole('region', { name: 'Conversation' }).locator('header');
  const overlaps = await header.evaluate((it) => {
    const boxes = [...it.children].map((child) => child.getBoundingClientRect());
    return boxes.some((a, i) =>
      boxes.some(
        (b, j) => j > i && a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1,
      ),
    );
  });
  expect(overlaps).toBe(false);
  expect(await header.evaluate((it) => it.scrollHeight - it.clientHeight)).toBeLessThanOrEqual(1);
  const [head, log] = [await header.boundingBox(), await ana.log.boundingBox()];
  expect((head?.y ?? 0) + (head?.height ?? 0)).toBeLessThanOrEqual((log?.y ?? 0) + 1);
  await inspect(ana, 'phone-large-text');
});

test('it can be put on the home screen', async ({ at }) => {
  const ana = await at(null, phone);
  const addressOf = (path: string | null) => new URL(path ?? '', ana.page.url()).href;
  const href = await ana.page.locator('link[rel="manifest"]').getAttribute('href');
  const answer = await ana.page.request.get(addressOf(href));
  expect(answer.headers()['content-type']).toContain('application/manifest+json');
  const manifest = (await answer.json()) as { icons: { src: string; type: string }[]; display: string };
  expect(manifest.display).toBe('standalone');
  const touch = await ana.page.locator('link[rel="apple-touch-icon"]').getAttribute('href');
  for (const src of [...manifest.icons.map((icon) => icon.src), touch ?? '']) {
    const icon = await ana.page.request.get(addressOf(src));
    expect(icon.headers()['content-type']).toMatch(/^image\//u);
  }
});
