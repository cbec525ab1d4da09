/** A hotel without a command line is run on the screen: its people, its rules, what was done, and guests' data. */
import { readFile } from 'node:fs/promises';
import type { Locator, Page } from '@playwright/test';
import type { Desk } from './desk';
import { PASSWORD, type StaffMember } from './house';
import { enter, expect, inspect, test } from './stories';

const amelia = { name: 'Amelia Hart', room: '204', number: '+447700900123' };
const small = { viewport: { width: 900, height: 600 } };
const telephone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

const staff: StaffMember[] = [
  { username: 'ana', name: 'Ana Silva', departments: ['reception'], isAdmin: true },
  { username: 'ben', name: 'Ben Okoro', departments: ['reception', 'housekeeping'] },
];

// An array alone would be taken for a value with its options.
test.use({ staff: [staff, { scope: 'test' }] });

async function openSettings({ page, dialog }: Desk): Promise<Locator> {
  await page.getByRole('button', { name: /^Account of/u }).click();
  await page.getByRole('menuitem', { name: 'Hotel settings…' }).click();
  await expect(dialog.getByRole('button', { name: /Ana Silva/u })).toBeVisible();
  return dialog;
}

const tab = (dialog: Locator, name: string) => dialog.getByRole('tab', { name });

async function withinWindow(page: Page, dialog: Locator): Promise<void> {
  const box = await dialog.boundingBox();
  const size = page.viewportSize();
  if (!box || !size) throw new Error('it is not on the screen');
  expect(box.x).toBeGreaterThanOrEqual(0);
  expect(box.x + box.width).toBeLessThanOrEqual(size.width);
  expect(box.y + box.height).toBeLessThanOrEqual(size.height);
  expect(await dialog.evaluate((element) => element.scrollWidth - element.clientWidth)).toBeLessThanOrEqual(0);
}

test('an admin adds a person, who signs in, and disables them', async ({ house, at, browse }) => {
  const ana = await at('ana');
  const { page } = ana;
  const dialog = await openSettings(ana);
  await inspect(ana, 'settings-people');

  const name = dialog.getByRole('textbox', { name: 'Name', exact: true });
  const username = dialog.getByRole('textbox', { name: 'Username' });
  const add = dialog.getByRole('button', { name: 'Add', exact: true });
  await dialog.getByRole('button', { name: 'Add a person…' }).click();
  await expect(name).toBeFocused();
  await name.fill('Raj Patel');
  await username.fill('ben');
  await add.click();
  await expect(dialog.getByRole('checkbox', { name: 'Reception' })).toHaveAccessibleDescription(
    'Choose at least one department.',
  );
  await expect(dialog.getByRole('checkbox', { name: 'Reception' })).toBeFocused();
  await dialog.getByRole('checkbox', { name: 'Housekeeping' }).check();
  await add.click();
  await expect(username).toHaveAccessibleDescription('This username is not available.');
  await expect(username).toBeFocused();
  await inspect(ana, 'settings-person');
  await username.fill('raj');
  await add.click();

  // Shown once, and neither Escape nor a click beside it loses it.
  await expect(dialog.getByText('Raj Patel can sign in now')).toBeVisible();
  const password = await dialog.getByRole('code').innerText();
  expect(password).toMatch(/^[a-z2-9]{4}(-[a-z2-9]{4}){3}$/u);
  await page.keyboard.press('Escape');
  await expect(dialog.getByRole('code')).toBeVisible();
  await inspect(ana, 'settings-password');
  await dialog.getByRole('button', { name: 'Done' }).click();
  const row = dialog.getByRole('button', { name: /^Raj Patel/u });
  await expect(row).toContainText('Housekeeping');
  await expect(row).toBeFocused();
  // The next person begins with an empty form.
  await dialog.getByRole('button', { name: 'Add a person…' }).click();
  await expect(name).toHaveValue('');
  await dialog.getByRole('button', { name: 'Cancel' }).click();

  const raj = await enter(await (await browse()).newPage(), false);
  await raj.signIn('raj', password);
  await raj.isConnected();

  await row.click();
  await dialog.getByRole('checkbox', { name: 'Restaurant' }).check();
  await name.fill('Raj K. Patel');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(dialog.getByRole('status')).toContainText('Saved: Raj K. Patel');
  await dialog.getByRole('button', { name: /^Raj K. Patel/u }).click();
  await inspect(ana, 'settings-person-known');
  // Another department closes the connection; the browser may come back to a door that is shut by then.
  house.wasDown = true;
  const disable = dialog.getByRole('button', { name: 'Disable this account…' });
  await disable.click();
  const question = dialog.getByRole('group', { name: 'Disable the account of Raj K. Patel?' });
  await expect(question).toContainText('signed out at once');
  await expect(question.getByRole('button', { name: 'Cancel' })).toBeFocused();
  await inspect(ana, 'settings-disable');
  await page.keyboard.press('Enter');
  await expect(question).toHaveCount(0);
  await expect(disable).toBeFocused();
  await disable.click();
  await question.getByRole('button', { name: 'Disable the account' }).click();
  const changed = dialog.getByRole('button', { name: /^Raj K. Patel.*Restaurant.*Disabled/u });
  await expect(changed).toBeFocused();
  await expect(raj.page.getByText('Your session has ended')).toBeVisible();
  await raj.signIn('raj', password);
  await expect(raj.page.getByRole('alert')).toContainText('disabled');

  // A typed password, once the account is enabled again.
  await changed.click();
  await dialog.getByRole('button', { name: 'Enable this account' }).click();
  await dialog.getByRole('button', { name: /^Raj K. Patel/u }).click();
  await dialog.getByRole('button', { name: 'Set a new password…' }).click();
  await dialog.getByRole('checkbox', { name: 'Generate a password' }).uncheck();
  const typed = dialog.getByRole('textbox', { name: 'New password' });
  await typed.fill('password123');
  await dialog.getByRole('button', { name: 'Set password' }).click();
  await expect(typed).toHaveAccessibleDescription(/^This password is too easy to guess\./u);
  await typed.fill(PASSWORD);
  await dialog.getByRole('button', { name: 'Set password' }).click();
  await expect(dialog.getByRole('status')).toContainText('Saved: Raj K. Patel');
  await raj.signIn('raj');
  await raj.isConnected();
});

test('an admin says how long conversations are kept, and reads what was done', async ({ house, at }) => {
  const ana = await at('ana');
  const dialog = await openSettings(ana);
  await tab(dialog, 'Hotel').click();
  const name = dialog.getByRole('textbox', { name: 'Hotel name' });
  await expect(name).toHaveValue('Hotel Aurora');
  await expect(dialog.getByText('kept until somebody erases the guest')).toBeVisible();
  await inspect(ana, 'settings-rules');

  await dialog.getByRole('radio', { name: 'Delete them after a number of days' }).check();
  const days = dialog.getByRole('textbox', { name: 'Days after closing' });
  await days.fill('0');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(days).toHaveAccessibleDescription('Enter a whole number from 1 to 36,500.');
  await expect(days).toBeFocused();
  await days.fill('30');
  await expect(dialog.getByText('permanently deleted 30 days after it was closed')).toBeVisible();
  await name.fill('Hotel Borealis');
  await inspect(ana, 'settings-retention');
  const save = dialog.getByRole('button', { name: 'Save' });
  await save.click();
  const question = dialog.getByRole('group', { name: 'Delete old conversations?' });
  await expect(question).toContainText('closed more than 30 days ago are permanently deleted within the hour');
  await expect(question).toContainText('This cannot be undone.');
  await expect(question.getByRole('button', { name: 'Cancel' })).toBeFocused();
  await inspect(ana, 'settings-retention-question');
  await question.getByRole('button', { name: 'Cancel' }).click();
  await expect(save).toBeFocused();
  expect(await house.cli('property', 'list')).toMatchObject({ name: 'Hotel Aurora', retention_days: null });
  await save.click();
  await question.getByRole('button', { name: 'Delete after 30 days' }).click();
  await expect(dialog.getByText('Saved', { exact: true })).toBeVisible();
  await expect(save).toBeFocused();
  expect(await house.cli('property', 'list')).toMatchObject({
    name: 'Hotel Borealis',
    retention_days: 30,
    retention: 'delete',
  });

  // What keeps more is not asked about.
  await days.fill('31');
  await save.click();
  await expect(dialog.getByText('Saved', { exact: true })).toBeVisible();
  expect(await house.cli('property', 'list')).toMatchObject({ retention_days: 31 });
  await days.fill('30');
  await save.click();
  await question.getByRole('button', { name: 'Delete after 30 days' }).click();
  await expect(dialog.getByText('Saved', { exact: true })).toBeVisible();

  // Whoever has no second factor does not shut themselves out.
  const factor = dialog.getByRole('checkbox', { name: 'Admins need two-step sign-in' });
  await expect(factor).toBeDisabled();
  await expect(factor).toHaveAccessibleDescription(/^Set up two-step sign-in for your own account first/u);

  await tab(dialog, 'Hotel').focus();
  await ana.page.keyboard.press('ArrowRight');
  await expect(tab(dialog, 'Activity')).toBeFocused();
  const done = dialog.getByRole('listitem');
  await expect(done.first()).toContainText(
    'Ana Silva changed the hotel settings: closed conversations are deleted after 30 days',
  );
  await expect(done.filter({ hasText: 'Ana Silva signed in' })).not.toHaveCount(0);
  await inspect(ana, 'settings-activity');
  await ana.page.keyboard.press('Escape');
  await ana.page.getByRole('button', { name: /^Account of/u }).click();
  await expect(ana.page.locator('.who')).toContainText('Hotel Borealis');
});

test('a save leaves what another admin has changed meanwhile', async ({ house, at }) => {
  const ana = await at('ana');
  const dialog = await openSettings(ana);
  const { results } = await house.ask<{ results: { id: number; username: string }[] }>('ana', '/staff/');
  const ben = results.find(({ username }) => username === 'ben');
  await dialog.getByRole('button', { name: /^Ben Okoro/u }).click();
  await house.ask('ana', `/staff/${ben?.id}/`, { departments: ['restaurant'], is_admin: true }, 'PATCH');
  await dialog.getByRole('textbox', { name: 'Name', exact: true }).fill('Ben A. Okoro');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(dialog.getByRole('button', { name: /^Ben A. Okoro.*Restaurant.*Admin/u })).toBeFocused();

  await tab(dialog, 'Hotel').click();
  const name = dialog.getByRole('textbox', { name: 'Hotel name' });
  await expect(name).toHaveValue('Hotel Aurora');
  const patch = { retention_days: 45, retention: 'anonymise', country: 'GB' };
  await house.ask('ana', '/property/', patch, 'PATCH');
  await name.fill('Hotel Borealis');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(dialog.getByText('Saved', { exact: true })).toBeVisible();
  // What the server answers is taken over.
  await expect(dialog.getByRole('textbox', { name: 'Days after closing' })).toHaveValue('45');
  expect(await house.cli('property', 'list')).toMatchObject({ name: 'Hotel Borealis', ...patch });
});

test('changes that are not saved are not lost without a question', async ({ house, at }) => {
  const ana = await at('ana');
  const { page } = ana;
  const dialog = await openSettings(ana);
  const question = dialog.getByRole('group', { name: 'Discard the changes?' });
  const keep = question.getByRole('button', { name: 'Keep editing' });
  const discard = question.getByRole('button', { name: 'Discard' });
  const back = dialog.getByRole('button', { name: 'Back to the people' });
  const name = dialog.getByRole('textbox', { name: 'Name', exact: true });
  const ben = dialog.getByRole('button', { name: /^Ben Okoro/u });

  // Nothing was changed: nothing is asked.
  await ben.click();
  await back.click();
  await expect(ben).toBeFocused();

  await ben.click();
  const restaurant = dialog.getByRole('checkbox', { name: 'Restaurant' });
  await restaurant.check();
  await back.click();
  await expect(keep).toBeFocused();
  await inspect(ana, 'settings-discard');
  await keep.click();
  await expect(back).toBeFocused();
  await expect(restaurant).toBeChecked();
  await tab(dialog, 'Activity').click();
  await expect(keep).toBeFocused();
  // Escape is the answer that loses nothing, however often it is pressed.
  await page.keyboard.press('Escape');
  await expect(question).toHaveCount(0);
  await name.focus();
  await page.keyboard.press('Escape');
  await expect(keep).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(name).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(question).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(restaurant).toBeChecked();
  // Disabling leaves the form, and asks as well.
  house.wasDown = true;
  await dialog.getByRole('button', { name: 'Disable this account…' }).click();
  await dialog.getByRole('button', { name: 'Disable the account', exact: true }).click();
  await keep.click();
  await expect(restaurant).toBeChecked();
  await expect(dialog.getByRole('button', { name: 'Enable this account' })).toBeVisible();
  await back.click();
  await discard.click();
  await expect(dialog.getByRole('button', { name: /^Ben Okoro.*Disabled/u })).toBeFocused();
  await ben.click();
  await expect(restaurant).not.toBeChecked();
  await back.click();

  await dialog.getByRole('button', { name: 'Add a person…' }).click();
  await restaurant.check();
  await dialog.getByRole('checkbox', { name: 'Generate a password' }).uncheck();
  await page.keyboard.press('Escape');
  await expect(keep).toBeFocused();
  await keep.click();
  await expect(restaurant).toBeChecked();
  await expect(ana.password).toBeVisible();
  await back.click();
  await discard.click();
  await expect(dialog.getByRole('button', { name: 'Add a person…' })).toBeFocused();

  await tab(dialog, 'Hotel').click();
  const hotel = dialog.getByRole('textbox', { name: 'Hotel name' });
  await hotel.fill('Hotel Borealis');
  await tab(dialog, 'Hotel').focus();
  await page.keyboard.press('ArrowRight');
  await keep.click();
  await expect(tab(dialog, 'Hotel')).toBeFocused();
  await expect(hotel).toHaveValue('Hotel Borealis');
  await page.keyboard.press('ArrowRight');
  await discard.click();
  await expect(tab(dialog, 'Activity')).toBeFocused();
  await tab(dialog, 'Hotel').click();
  await expect(hotel).toHaveValue('Hotel Aurora');
  await hotel.fill('Hotel Borealis');
  await dialog.getByRole('button', { name: 'Close' }).click();
  await discard.click();
  await expect(dialog).toBeHidden();
  expect(await house.cli('property', 'list')).toMatchObject({ name: 'Hotel Aurora' });
});

test('an account whose confirmation was lost is found', async ({ house, at }) => {
  const ana = await at('ana');
  const dialog = await openSettings(ana);
  await dialog.getByRole('button', { name: 'Add a person…' }).click();
  await dialog.getByRole('textbox', { name: 'Name', exact: true }).fill('Raj Patel');
  await dialog.getByRole('textbox', { name: 'Username' }).fill('Raj');
  await dialog.getByRole('checkbox', { name: 'Reception' }).check();
  house.wasDown = true;
  await ana.page.route('**/staff/', async (route) => {
    if (route.request().method() !== 'POST') return route.fallback();
    await route.fetch();
    await route.abort();
  });
  await dialog.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(dialog.getByRole('note')).toContainText('Raj Patel has an account now, with the username Raj.');
  await expect(dialog.getByRole('button', { name: /^Raj Patel/u })).toBeFocused();
  await inspect(ana, 'settings-lost');
});

test('who is not an admin any more does not find the settings again', async ({ house, at }) => {
  const ana = await at('ana');
  await house.hire({ username: 'cleo', name: 'Cleo Roux', departments: ['reception'], isAdmin: true });
  const { results } = await house.ask<{ results: { id: number; username: string }[] }>('cleo', '/staff/');
  const { id } = results.find(({ username }) => username === 'ana') ?? {};
  await house.ask('cleo', `/staff/${id}/`, { is_admin: false }, 'PATCH');
  await ana.page.getByRole('button', { name: /^Account of/u }).click();
  await ana.page.getByRole('menuitem', { name: 'Hotel settings…' }).click();
  await expect(ana.dialog.getByText('Could not load the accounts')).toBeVisible();
  await ana.page.keyboard.press('Escape');
  await ana.page.getByRole('button', { name: /^Account of/u }).click();
  await expect(ana.page.getByRole('menuitem', { name: 'Sign out' })).toBeVisible();
  await expect(ana.page.getByRole('menuitem', { name: 'Hotel settings…' })).toHaveCount(0);
});

test('what was done long ago is a button away', async ({ house, at }) => {
  for (let room = 1; room <= 60; room += 1) {
    await house.write({ name: `Guest ${room}`, room: String(room), number: `+44770090${1000 + room}` }, 'Hello');
  }
  const ana = await at('ana');
  const dialog = await openSettings(ana);
  await tab(dialog, 'Activity').click();
  const entries = dialog.getByRole('listitem');
  await expect(entries).toHaveCount(50);
  const more = dialog.getByRole('button', { name: 'Show more' });
  await more.click();
  await expect(entries.filter({ hasText: 'set up the hotel' })).toHaveCount(1);
  await expect(more).toHaveCount(0);
});

test('a guest’s data is exported and erased, and the activity says so', async ({ house, at }) => {
  await house.write(amelia, 'My room number is a secret');
  const ana = await at('ana');
  const { page, dialog } = ana;
  await ana.open('204 Amelia Hart');
  const panel = page.getByRole('complementary', { name: 'Guest' });
  for (const [format, begins] of [
    ['JSON', '{'],
    ['PDF', '%PDF'],
  ] as const) {
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      panel.getByRole('button', { name: `Export as ${format}` }).click(),
    ]);
    expect(download.suggestedFilename()).toMatch(new RegExp(`^guest-\\d+\\.${format.toLowerCase()}$`, 'u'));
    const content = await readFile(await download.path(), 'latin1');
    expect(content.startsWith(begins)).toBe(true);
    if (format === 'JSON') expect(content).toContain('My room number is a secret');
  }
  await expect(panel.getByRole('status')).toHaveText('The file is in your Downloads folder.');
  await inspect(ana, 'guest-data');

  const erase = panel.getByRole('button', { name: 'Erase this guest…' });
  await erase.click();
  await expect(dialog).toHaveAccessibleName('Erase Amelia Hart?');
  await expect(dialog.getByRole('button', { name: 'Cancel' })).toBeFocused();
  await inspect(ana, 'erase-guest');
  await page.keyboard.press('Escape');
  await expect(erase).toBeFocused();
  await erase.click();
  await dialog.getByRole('button', { name: 'Erase Amelia Hart' }).click();
  await expect(ana.toasts).toContainText('Amelia Hart was erased.');
  await expect(ana.row('204 Amelia Hart')).toHaveCount(0);
  expect(await house.ask('ana', '/guests/')).toMatchObject({ results: [] });

  const settings = await openSettings(ana);
  await tab(settings, 'Activity').click();
  await expect(settings.getByRole('listitem').filter({ hasText: /^\S+\s*Ana Silva erased guest \d+$/u })).toHaveCount(
    1,
  );
  await expect(settings.getByRole('listitem').filter({ hasText: 'as PDF' })).toHaveCount(1);
});

test('files that could not be cleared yet are told of until somebody has read it', async ({ house, at }) => {
  await house.write(amelia, 'Hello?');
  const ana = await at('ana');
  await ana.open('204 Amelia Hart');
  await ana.page.route('**/guests/*/', (route) =>
    route.fulfill({ status: 202, contentType: 'application/json', body: '{"cleared":false}' }),
  );
  await ana.page.getByRole('button', { name: 'Erase this guest…' }).click();
  await ana.dialog.getByRole('button', { name: 'Erase Amelia Hart' }).click();
  await expect(ana.toasts).toContainText('Amelia Hart was erased. The files on the disk are still being cleared');
});

test('who is no admin sees none of it', async ({ house, at }) => {
  await house.write(amelia, 'Hello?');
  const ben = await at('ben');
  await ben.open('204 Amelia Hart');
  await expect(ben.page.getByRole('complementary', { name: 'Guest' }).getByText('Online now')).toBeVisible();
  await expect(ben.page.getByRole('button', { name: /^(Export|Erase)/u })).toHaveCount(0);
  await ben.page.getByRole('button', { name: /^Account of/u }).click();
  await expect(ben.page.getByRole('menuitem', { name: 'Sign out' })).toBeVisible();
  await expect(ben.page.getByRole('menuitem', { name: /Hotel settings/u })).toHaveCount(0);
  await ben.page.keyboard.press('Escape');
  await ben.page.keyboard.press('Control+k');
  await ben.page.keyboard.type('settings');
  await expect(ben.page.getByRole('option')).toHaveCount(0);
});

test('lists that cannot be read say so and offer the way out', async ({ at }) => {
  const ana = await at('ana');
  const broken = ['**/staff/', '**/property/', '**/audit/**'];
  for (const path of broken) {
    await ana.page.route(path, (route) =>
      route.fulfill({
        status: 503,
        contentType: 'application/problem+json',
        body: '{"code":"unavailable","status":503}',
      }),
    );
  }
  await ana.page.getByRole('button', { name: /^Account of/u }).click();
  await ana.page.getByRole('menuitem', { name: 'Hotel settings…' }).click();
  const { dialog } = ana;
  await expect(dialog.getByText('Could not load the accounts')).toBeVisible();
  await inspect(ana, 'settings-failed');
  await tab(dialog, 'Activity').click();
  await expect(dialog.getByText('Could not load the activity')).toBeVisible();
  await tab(dialog, 'Hotel').click();
  await expect(dialog.getByText('Could not load the settings')).toBeVisible();
  for (const path of broken) await ana.page.unroute(path);
  await dialog.getByRole('button', { name: 'Try again' }).click();
  await expect(dialog.getByRole('textbox', { name: 'Hotel name' })).toHaveValue('Hotel Aurora');
});

for (const [size, options] of [
  ['small', small],
  ['phone', telephone],
] as const) {
  test(`everything fits: ${size}`, async ({ at }) => {
    const ana = await at('ana', options);
    const dialog = await openSettings(ana);
    await withinWindow(ana.page, dialog);
    await inspect(ana, `settings-people-${size}`);
    await dialog.getByRole('button', { name: 'Add a person…' }).click();
    await withinWindow(ana.page, dialog);
    await inspect(ana, `settings-person-${size}`);
    for (const name of ['Hotel', 'Activity']) {
      await tab(dialog, name).click();
      await expect(dialog.getByText(name === 'Activity' ? 'Today' : 'Hotel name')).toBeVisible();
      await withinWindow(ana.page, dialog);
      await inspect(ana, `settings-${name === 'Activity' ? 'activity' : 'rules'}-${size}`);
    }
  });
}
