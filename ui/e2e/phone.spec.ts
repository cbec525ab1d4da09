/** A phone: one column, Back, a reload, large text, the line about other guests. */
import { devices } from '@playwright/test';
import { expect, inspect, test } from './stories';

const amelia = { name: 'Amelia Hart', room: '204', number: '+447700900123' };
const jo = { name: 'Josephine Okafor-Lindqvist', room: 'Chalet 12B', number: '+447700900124' };
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
  await house.write(jo, 'Water is coming through the ceiling');
  await expect(ana.page.getByRole('button', { name: 'Back to the list, 1 guest is waiting' })).toBeVisible();
  const line = ana.page.getByRole('region', { name: 'Waiting guests' }).last();
  await expect(line).toContainText('1 guest is waiting');
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

test('it can be put on the home screen', async ({ at, house }) => {
  const ana = await at(null, phone);
  const href = await ana.page.locator('link[rel="manifest"]').getAttribute('href');
  const answer = await ana.page.request.get(house.url + (href ?? ''));
  expect(answer.headers()['content-type']).toContain('application/manifest+json');
  const manifest = (await answer.json()) as { icons: { src: string; type: string }[]; display: string };
  expect(manifest.display).toBe('standalone');
  const touch = await ana.page.locator('link[rel="apple-touch-icon"]').getAttribute('href');
  for (const src of [...manifest.icons.map((icon) => icon.src), touch ?? '']) {
    const icon = await ana.page.request.get(house.url + src);
    expect(icon.headers()['content-type']).toMatch(/^image\//u);
  }
});
