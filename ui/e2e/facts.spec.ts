/** What the hotel is called, where it is, and how its people write times and names. */
import { House, PASSWORD } from './house';
import { enter, expect, inspect, test } from './stories';

const amelia = { name: 'Amelia Hart', room: '204', number: '+447700900123' };
const ADMIN = { username: 'ana', name: 'Ana Silva', departments: ['reception'], isAdmin: true };
const BEN = { username: 'ben', name: 'Ben Okoro', departments: ['reception'] };

test('the sign-in screen names the hotel and offers no set-up', async ({ at, house }) => {
  const desk = await at(null);
  await expect(desk.page.getByText('Hotel Aurora')).toBeVisible();
  await expect(desk.page.getByText(new URL(house.url).host)).toHaveCount(0);
  await expect(desk.page.getByRole('button', { name: /Set up your hotel/u })).toHaveCount(0);
  await inspect(desk, 'sign-in');
});

test('the demo says that it is one, and an account is filled in by a click', async ({ browser }) => {
  const house = await House.demo();
  try {
    const context = await browser.newContext({ baseURL: house.url, locale: 'en-GB' });
    const desk = await enter(await context.newPage(), false);
    await expect(desk.page.getByText('This is a demo hotel')).toBeVisible();
    await expect(desk.page.getByText('Hotel Seeblick')).toBeVisible();
    await inspect(desk, 'sign-in-demo');
    await desk.page.getByRole('button', { name: 'Léa Dubois' }).click();
    await expect(desk.username).toHaveValue('lea');
    await expect(desk.signInButton).toBeFocused();
    await desk.page.keyboard.press('Enter');
    await desk.isConnected();
    await expect(desk.page.getByRole('button', { name: 'Account of Léa Dubois' })).toBeVisible();
    await context.close();
  } finally {
    await house.close();
  }
});

test.describe('a new hotel', () => {
  test.use({ staff: [] });

  test('is in the time zone of the computer that sets it up', async ({ browse, house }) => {
    const page = await (await browse({ timezoneId: 'Europe/Zurich' })).newPage();
    const desk = await enter(page, false);
    await page.getByRole('button', { name: 'First time here? Set up your hotel' }).click();
    await page.getByRole('textbox', { name: 'Hotel name' }).fill('Hotel Aurora');
    await page.getByRole('textbox', { name: 'Your name' }).fill('Ana Silva');
    await desk.username.fill('ana');
    await desk.password.fill(PASSWORD);
    await page.getByRole('textbox', { name: 'Setup code' }).fill(await house.setupToken());
    await inspect(desk, 'setup');
    await page.getByRole('button', { name: 'Create account' }).click();
    await desk.isConnected();
    const property = await house.ask('ana', '/property/');
    expect(property).toMatchObject({ time_zone: 'Europe/Zurich', country: 'CH' });
  });
});

test.describe('a hotel in UTC', () => {
  // Playwright takes two elements for a value and its options.
  test.use({ staff: [[ADMIN, BEN], { scope: 'test' }] });

  test('asks an admin whose computer is elsewhere once, and every desk shows the new times', async ({ at, house }) => {
    const { conversation_id } = await house.write(amelia, 'Hello?');
    // The name that browsers still give to Asia/Kathmandu.
    const nepal = { timezoneId: 'Asia/Katmandu' };
    const ben = await at('ben', nepal);
    await ben.open('204 Amelia Hart');
    const time = ben.log.locator('time').first();
    const before = await time.innerText();
    await expect(ben.toasts).not.toContainText('UTC');
    const ana = await at('ana', nepal);
    await expect(ana.toasts).toContainText('this computer is set to Asia/Kathmandu');
    await inspect(ana, 'zone-question');
    await ana.toasts.getByRole('button', { name: 'Use Asia/Kathmandu' }).click();
    // Five hours and three quarters later, at once and without a reload.
    await expect(time).not.toHaveText(before);
    const minutes = (text: string) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3, 5));
    const later = (minutes(await time.innerText()) - minutes(before) + 24 * 60) % (24 * 60);
    expect(later).toBe(5 * 60 + 45);
    expect(await house.ask('ana', '/property/')).toMatchObject({ time_zone: 'Asia/Kathmandu' });
    expect(conversation_id).toBeGreaterThan(0);
  });

  test('does not ask again once the answer was no', async ({ at }) => {
    const ana = await at('ana', { timezoneId: 'Europe/Zurich' });
    await expect(ana.toasts).toContainText('Europe/Zurich');
    await ana.toasts.getByRole('button', { name: 'Dismiss' }).click();
    await expect(ana.toasts).not.toContainText('Europe/Zurich');
    await ana.page.reload();
    await ana.isConnected();
    await expect(ana.toasts).not.toContainText('Europe/Zurich');
  });

  test('gets its time zone and country in the settings', async ({ at, house }) => {
    const ana = await at('ana');
    await ana.page.getByRole('button', { name: 'Account of Ana Silva' }).click();
    await ana.page.getByRole('menuitem', { name: 'Hotel settings…' }).click();
    await ana.dialog.getByRole('tab', { name: 'Hotel' }).click();
    await ana.dialog.getByRole('combobox', { name: 'Time zone' }).selectOption('America/New_York');
    await ana.dialog.getByRole('combobox', { name: 'Country' }).selectOption({ label: 'United States' });
    await inspect(ana, 'settings-region');
    await ana.dialog.getByRole('button', { name: 'Save' }).click();
    await expect(ana.dialog.getByText('Saved')).toBeVisible();
    expect(await house.ask('ana', '/property/')).toMatchObject({ time_zone: 'America/New_York', country: 'US' });
  });
});

test('times are written as the person’s locale writes them, whatever languages the browser lists', async ({
  at,
  house,
}) => {
  await house.write(amelia, 'Hello?');
  for (const [locale, expected] of [
    ['de-CH', /^\d\d:\d\d$/u],
    ['en-US', /^\d{1,2}:\d\d [AP]M$/u],
  ] as const) {
    const desk = await at('ana', { locale });
    await desk.open('204 Amelia Hart');
    await expect(desk.log.locator('time').first()).toHaveText(expected);
  }
});

test('a name that turns the direction of text does not turn the sentence around it', async ({ at, house }) => {
  const name = 'Amelia \u202eecila';
  await house.write({ ...amelia, name }, 'Hello?');
  const ana = await at('ana');
  await ana.page.getByRole('tab', { name: /^Open/u }).click();
  const row = ana.conversations.getByRole('listitem').first();
  // What other programs look for is the name as it is, without the marks that keep it apart in a sentence.
  await expect(row).toHaveAccessibleName(new RegExp(`^204 ${name}`, 'u'));
  await expect(row).not.toHaveAccessibleName(/[\u2066-\u2069]/u);
  expect(await row.locator('bdi', { hasText: name }).count()).toBeGreaterThan(0);
  await row.getByRole('button').press('Enter');
  await ana.close.click();
  await expect(ana.toasts.getByText(`Conversation with \u2068204 ${name}\u2069 closed`)).toBeVisible();
});
