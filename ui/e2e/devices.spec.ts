/** A person's own account: where they are signed in, their password, their second factor. */
import type { Page } from '@playwright/test';
import { codeOf } from './authenticator';
import type { Desk } from './desk';
import { PASSWORD } from './house';
import { enter, expect, inspect, test } from './stories';

async function openAccount({ page, dialog }: Desk, name = 'Ana Silva'): Promise<void> {
  await page.getByRole('button', { name: `Account of ${name}` }).click();
  await page.getByRole('menuitem', { name: 'Account and devices…' }).click();
  await expect(dialog.getByText('This device')).toBeVisible();
}

async function prove(page: Page, button: string, password = PASSWORD): Promise<void> {
  await page.getByRole('textbox', { name: 'Password', exact: true }).fill(password);
  await page.getByRole('button', { name: button, exact: true }).click();
}

/** Reads the key off the screen, and enters a code that is wrong, then the one that the app would show. */
async function confirm(page: Page): Promise<void> {
  await expect(page.getByRole('img', { name: 'QR code with the key for your authenticator app' })).toBeVisible();
  const secret = ((await page.locator('code').textContent()) ?? '').replaceAll(' ', '');
  const code = page.getByRole('textbox', { name: 'Code', exact: true });
  await expect(code).toBeFocused();
  await code.fill(codeOf(secret) === '123456' ? '654321' : '123456');
  await page.getByRole('button', { name: 'Turn on' }).click();
  await expect(code).toHaveAccessibleDescription('This is not the code that the app shows now.');
  await code.fill(codeOf(secret));
  await page.getByRole('button', { name: 'Turn on' }).click();
  await expect(page.getByRole('list', { name: 'Recovery codes' }).getByRole('listitem')).toHaveCount(10);
}

test('a session elsewhere is seen and ended', async ({ at }) => {
  const [ana, elsewhere] = await Promise.all([at('ana'), at('ana')]);
  await openAccount(ana);
  const devices = ana.dialog.getByRole('list', { name: 'Where you are signed in' });
  // Which of them is asking is told apart.
  await expect(devices.getByRole('listitem')).toHaveCount(2);
  await expect(devices.getByRole('listitem').first()).toContainText(/Chrome on Linux\s+This device/u);
  await inspect(ana, 'account');
  await ana.page.setViewportSize({ width: 800, height: 600 });
  await inspect(ana, 'account-small');
  await devices.getByRole('button', { name: 'Sign out: Chrome on Linux' }).click();
  await expect(devices.getByRole('listitem')).toHaveCount(1);
  await expect(elsewhere.signInButton).toBeVisible();
  await ana.page.getByRole('button', { name: 'Close', exact: true }).click();
  await ana.isConnected();
});

test('sessions that cannot be read or ended say so', async ({ house, at }) => {
  const [ana] = await Promise.all([at('ana'), at('ana')]);
  house.wasDown = true;
  await ana.page.route('**/auth/sessions/**', (route) =>
    route.request().method() === 'DELETE' ? route.abort('connectionrefused') : route.continue(),
  );
  await openAccount(ana);
  await ana.dialog.getByRole('button', { name: 'Sign out: Chrome on Linux' }).click();
  await expect(ana.dialog.getByRole('alert')).toContainText('The server cannot be reached.');
  await inspect(ana, 'account-failed');
  await expect(ana.dialog.getByRole('button', { name: 'Sign out: Chrome on Linux' })).toBeVisible();
});

test('a password is changed by whoever knows it', async ({ at }) => {
  const [ana, elsewhere] = await Promise.all([at('ana'), at('ana')]);
  await openAccount(ana);
  await ana.dialog.getByRole('button', { name: 'Change password…' }).click();
  const current = ana.page.getByRole('textbox', { name: 'Current password' });
  const next = ana.page.getByRole('textbox', { name: 'New password' });
  await expect(current).toBeFocused();
  await current.fill('not the password');
  await next.fill('the moon over the bay');
  await ana.dialog.getByRole('button', { name: 'Change password', exact: true }).click();
  await expect(current).toHaveAccessibleDescription('This is not your current password.');
  await inspect(ana, 'account-password-wrong');
  await current.fill(PASSWORD);
  await ana.dialog.getByRole('button', { name: 'Change password', exact: true }).click();
  await expect(ana.dialog.getByText('Password changed. Your other devices have been signed out.')).toBeVisible();
  await expect(ana.dialog.getByRole('listitem')).toHaveCount(1);
  await elsewhere.signIn('ana');
  await expect(elsewhere.page.getByRole('alert')).toHaveText('Wrong username or password.');
  await elsewhere.signIn('ana', 'the moon over the bay');
  await elsewhere.isConnected();
});

test('a second factor is added and taken away', async ({ at }) => {
  const ana = await at('ana');
  await openAccount(ana);
  await ana.dialog.getByRole('button', { name: 'Set up two-step sign-in…' }).click();
  await prove(ana.page, 'Continue', 'not the password');
  await expect(ana.password).toHaveAccessibleDescription('This is not your current password.');
  await prove(ana.page, 'Continue');
  await expect(ana.dialog.getByRole('img')).toBeVisible();
  await inspect(ana, 'second-factor-scan');
  await confirm(ana.page);
  await inspect(ana, 'second-factor-codes');
  // What is shown only once is not closed by a slip.
  await ana.page.keyboard.press('Escape');
  await ana.page.mouse.click(5, 5);
  await ana.dialog.getByRole('button', { name: 'Copy' }).click();
  await expect(ana.dialog.getByText(/^(Copied|Selected\. Press Ctrl\+C to copy\.)$/u)).toBeVisible();
  await ana.dialog.getByRole('button', { name: 'I have saved them' }).click();
  await expect(ana.dialog.getByText('You have 10 recovery codes left.')).toBeVisible();
  await inspect(ana, 'second-factor-on');

  await ana.dialog.getByRole('button', { name: 'New recovery codes…' }).click();
  await prove(ana.page, 'New recovery codes…');
  await ana.dialog.getByRole('button', { name: 'I have saved them' }).click();
  await ana.dialog.getByRole('button', { name: 'Turn off…' }).click();
  await prove(ana.page, 'Turn off…');
  await expect(ana.dialog.getByRole('button', { name: 'Set up two-step sign-in…' })).toBeVisible();
});

test('signing in asks for the code of the app, or takes a recovery code', async ({ house, at, browse }) => {
  const { secret } = await house.ask<{ secret: string }>('ana', '/auth/second-factor/', { password: PASSWORD });
  const confirmed = { code: codeOf(secret) };
  const answer = await house.ask<{ recovery_codes: string[] }>('ana', '/auth/second-factor/confirm/', confirmed);

  const desk = await at(null, { viewport: { width: 800, height: 600 } });
  await desk.signIn('ana');
  const code = desk.page.getByRole('textbox', { name: 'Code', exact: true });
  await expect(code).toBeFocused();
  await expect(code).toHaveAttribute('autocomplete', 'one-time-code');
  await expect(code).toHaveAttribute('inputmode', 'numeric');
  await inspect(desk, 'sign-in-code');
  await code.fill(codeOf(secret) === '123456' ? '654321' : '123456');
  await desk.signInButton.click();
  await expect(desk.page.getByRole('alert')).toHaveText('This code is wrong or has already been used.');
  await expect(code).toHaveValue('');
  await inspect(desk, 'sign-in-code-wrong');
  await code.fill(codeOf(secret, 1));
  await desk.signInButton.click();
  await desk.isConnected();

  const other = await enter(await (await browse()).newPage(), false);
  await other.signIn('ana');
  await other.page.getByRole('button', { name: 'Use a recovery code' }).click();
  await inspect(other, 'sign-in-recovery');
  await other.page.getByRole('textbox', { name: 'Recovery code' }).fill(answer.recovery_codes[3] ?? '');
  await other.signInButton.click();
  await other.isConnected();
  await openAccount(other);
  await expect(other.dialog.getByText('You have 9 recovery codes left.')).toBeVisible();
});

test.describe('in a hotel that asks its admins for a second factor', () => {
  test.use({ staff: [{ username: 'ada', name: 'Ada Min', departments: ['reception'], isAdmin: true }] });

  test('an admin adds one before anything else is open', async ({ house, at, browse }) => {
    const before = await at('ada');
    await house.cli('property', 'set', '--second-factor', 'admins');
    // The browser complains that the socket is refused, and may.
    house.wasDown = true;
    await expect(before.signInButton).toBeVisible();

    const desk = await enter(await (await browse()).newPage(), false);
    await desk.signIn('ada');
    await expect(desk.page.getByText('Your hotel requires two-step sign-in for admins')).toBeVisible();
    await inspect(desk, 'second-factor-required');
    await desk.page.setViewportSize({ width: 800, height: 600 });
    await prove(desk.page, 'Continue');
    await expect(desk.page.getByRole('img', { name: /QR code/u })).toBeVisible();
    await inspect(desk, 'second-factor-required-scan');
    // Looking again is no way past it.
    await desk.page.reload();
    await prove(desk.page, 'Continue');
    await confirm(desk.page);
    await inspect(desk, 'second-factor-required-codes');
    await desk.page.getByRole('button', { name: 'I have saved them' }).click();
    await desk.isConnected();
    await expect(desk.page.getByText('No open conversations')).toBeVisible();
  });
});
