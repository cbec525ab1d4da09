/** Where the keyboard stands: it is never lost, and its keys mean what has the focus. */
import { expect, inspect, test } from './stories';

const amelia = { name: 'Amelia Hart', room: '204', number: '+447700900123' };

test('the account’s menu has its own keys, and the inbox does not hear them', async ({ house, at }) => {
  const ana = await at('ana');
  const { keyboard } = ana.page;
  await house.write(amelia, 'Hello?');
  await ana.open('204 Amelia Hart');
  const me = ana.page.getByRole('button', { name: 'Account of Ana Silva' });
  const first = ana.page.getByRole('menuitem', { name: 'Pause notifications…' });
  const out = ana.page.getByRole('menuitem', { name: 'Sign out' });
  await me.focus();
  await keyboard.press('ArrowDown');
  await expect(first).toBeFocused();
  await keyboard.press('ArrowUp');
  await expect(out).toBeFocused();
  await keyboard.press('Home');
  await expect(first).toBeFocused();
  await keyboard.press('End');
  await expect(out).toBeFocused();
  await keyboard.press('e');
  await keyboard.press('j');
  await expect(out).toBeFocused();
  await expect(ana.close).toBeVisible();
  await keyboard.press('Escape');
  await expect(me).toBeFocused();
  await expect(out).toHaveCount(0);
  await me.click();
  await inspect(ana, 'account-menu');
});

test('taking a closing back by keys ends where one can answer', async ({ house, at }) => {
  const ana = await at('ana');
  await house.write(amelia, 'Hello?');
  await ana.open('204 Amelia Hart');
  await ana.close.click();
  await expect(ana.page.getByRole('button', { name: 'Reopen' })).toBeFocused();
  await ana.toasts.getByRole('button', { name: 'Undo' }).focus();
  await ana.page.keyboard.press('Enter');
  await expect(ana.box).toBeFocused();
});

test('the list knows Home, End and whole pages', async ({ house, at }) => {
  const ana = await at('ana');
  for (let room = 1; room <= 60; room += 1) {
    await house.write({ name: `Guest ${room}`, room: String(100 + room), number: `+44770090${1000 + room}` }, 'Hello');
  }
  await ana.show('Waiting');
  await expect(ana.page).toHaveTitle('(60) Frontdesk');
  const focused = ana.conversations.getByRole('listitem').getByRole('button').and(ana.page.locator(':focus'));
  await ana.page.keyboard.press('ArrowDown');
  await expect(focused).toHaveAccessibleName(/^101 /u);
  await ana.page.keyboard.press('End');
  await expect(focused).toHaveAccessibleName(/^160 /u);
  await expect(focused).toBeInViewport();
  await ana.page.keyboard.press('PageUp');
  await expect(focused).toHaveAccessibleName(/^15\d /u);
  await ana.page.keyboard.press('Home');
  await expect(focused).toHaveAccessibleName(/^101 /u);
  await ana.page.keyboard.press('PageDown');
  await expect(focused).toHaveAccessibleName(/^1(0[5-9]|1\d) /u);
});

test('a refused sign-in goes on at the password, and says how long to wait', async ({ at }) => {
  const desk = await at(null);
  await desk.page.clock.install();
  await desk.username.fill('ana');
  for (let attempt = 1; attempt <= 6; attempt += 1) {
    await desk.password.fill('not the password');
    await desk.signInButton.focus();
    await desk.page.keyboard.press('Enter');
    if (attempt < 6) await expect(desk.password).toHaveValue('');
    if (attempt < 6) await expect(desk.password).toBeFocused();
  }
  const alert = desk.page.getByRole('alert');
  await expect(alert).toContainText(/Try again in \d+ seconds\./u);
  await expect(desk.signInButton).toBeFocused();
  await desk.page.clock.runFor(10_000);
  await expect(alert).toContainText(/Try again in [1-5] seconds?\./u);
  await desk.page.clock.runFor(10_000);
  await expect(alert).toHaveCount(0);
});

test.describe('a server that knows nobody', () => {
  test.use({ staff: [] });

  test('takes one to the field that is wrong, and says while one types what a password lacks', async ({ at }) => {
    const { page, username, password } = await at(null);
    await page.getByRole('button', { name: 'First time here? Set up your hotel' }).click();
    await page.getByRole('textbox', { name: 'Hotel name' }).fill('Hotel Aurora');
    await page.getByRole('textbox', { name: 'Your name' }).fill('Ana Silva');
    await username.fill('ana silva');
    await password.fill('aurora');
    await expect(password).toHaveAccessibleDescription('4 more characters needed.');
    await password.fill('hotelaurora1');
    await expect(password).toHaveAccessibleDescription(/^Too easy to guess/u);
    await password.fill('asdfghjkl123');
    await expect(password).toHaveAccessibleDescription(/^Long enough\./u);
    await page.getByRole('textbox', { name: 'Setup code' }).fill('not the token');
    const create = page.getByRole('button', { name: 'Create account' });
    await create.focus();
    await page.keyboard.press('Enter');
    await expect(username).toBeFocused();
    await expect(username).toHaveAccessibleDescription('Enter up to 64 characters, without spaces.');
    await username.fill('ana');
    await create.click();
    await expect(page.getByRole('textbox', { name: 'Setup code' })).toBeFocused();
  });

  test('setting up a hotel that is set up leads to signing in', async ({ house, at }) => {
    const { page, username, password, signInButton } = await at(null);
    await page.getByRole('button', { name: 'First time here? Set up your hotel' }).click();
    await page.getByRole('textbox', { name: 'Hotel name' }).fill('Hotel Aurora');
    await page.getByRole('textbox', { name: 'Your name' }).fill('Zoe Lind');
    await username.fill('zoe');
    await password.fill('correct horse battery');
    await page.getByRole('textbox', { name: 'Setup code' }).fill('nonsense');
    // Somebody else is faster.
    await house.hire({ username: 'ana', name: 'Ana Silva', departments: ['reception'] });
    await page.getByRole('button', { name: 'Create account' }).click();
    await expect(page.getByText('This hotel has already been set up. Sign in with your account.')).toBeVisible();
    await expect(signInButton).toBeVisible();
    await expect(page.getByRole('button', { name: /Set up your hotel/u })).toHaveCount(0);
  });
});

test('the choice of a server has the focus, and keeps it when it is refused', async ({ browse }) => {
  const context = await browse();
  // A stand-in for the desktop, whose server cannot be reached.
  await context.addInitScript(() => {
    const answers: Record<string, unknown> = {
      start: { screen: 'choose', canChoose: true, canShare: true, keyring: 'ok', serverUrl: null },
      settings: { theme: 'system' },
    };
    const invoke = (command: string) => {
      if (command in answers) return Promise.resolve(answers[command]);
      return Promise.reject({ code: 'unreachable', message: 'no answer', status: 0, title: '', detail: '' });
    };
    Object.assign(window, {
      __TAURI_INTERNALS__: { invoke, transformCallback: () => 1, unregisterCallback: () => {} },
    });
  });
  const page = await context.newPage();
  await page.goto('/');
  await expect(page.getByRole('radio', { name: 'This computer' })).toBeFocused();
  await page.keyboard.press('ArrowDown');
  await expect(page.getByRole('radio', { name: 'Hotel server' })).toBeChecked();
  await page.getByRole('textbox', { name: 'Server address' }).fill('desk.hotel.example');
  const go = page.getByRole('button', { name: 'Continue' });
  await go.focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('alert')).toContainText('The server cannot be reached.');
  await expect(go).toBeFocused();
});
