/** Coming in: the first account, signing in and out, and what the page may do in the browser. */
import { Desk } from './desk';
import { PASSWORD } from './house';
import { expect, inspect, test } from './stories';

test.describe('a server that knows nobody', () => {
  test.use({ staff: [] });

  test('is set up on the screen, with the token that it printed', async ({ house, at }) => {
    const desk = await at(null);
    const { page } = desk;
    await page.getByRole('button', { name: 'First time here? Set up your hotel' }).click();
    await page.getByRole('textbox', { name: 'Hotel name' }).fill('Hotel Aurora');
    await page.getByRole('textbox', { name: 'Your name' }).fill('Ana Silva');
    await desk.username.fill('ana');
    await desk.password.fill(PASSWORD);
    await page.getByRole('textbox', { name: 'Setup code' }).fill('not the token');
    await page.getByRole('button', { name: 'Create account' }).click();
    await expect(page.getByRole('alert')).toContainText('setup code is wrong');
    await inspect(desk, 'setup');

    await page.getByRole('textbox', { name: 'Setup code' }).fill(await house.setupToken());
    await page.getByRole('button', { name: 'Create account' }).click();
    await desk.isConnected();
    await expect(page.getByText('No open conversations')).toBeVisible();
    // The set-up itself signs her in: one entry in the list of her devices.
    const sessions = await page.evaluate(async () => (await fetch('auth/sessions/')).json() as Promise<unknown>);
    expect(sessions).toMatchObject({ results: [expect.anything()] });
    expect(await house.ask('ana', '/auth/me/')).toMatchObject({ name: 'Ana Silva', is_admin: true });

    // From now on nobody is offered to do it again.
    await page.getByRole('button', { name: 'Account of Ana Silva' }).click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await expect(desk.signInButton).toBeVisible();
    await expect(page.getByRole('button', { name: /Set up your hotel/u })).toHaveCount(0);
  });
});

test('signs in with the right password only, and out again', async ({ at }) => {
  const desk = await at(null);
  await expect(desk.page.getByRole('button', { name: /Set up your hotel/u })).toHaveCount(0);
  await desk.signIn('ana', 'not the password');
  await expect(desk.page.getByRole('alert')).toHaveText('Wrong username or password.');
  await expect(desk.password).toHaveValue('');
  await inspect(desk, 'sign-in');

  await desk.signIn('ana');
  await desk.isConnected();
  await desk.page.reload();
  await desk.isConnected();

  await desk.page.getByRole('button', { name: 'Account of Ana Silva' }).click();
  await desk.page.getByRole('menuitem', { name: 'Sign out' }).click();
  await expect(desk.signInButton).toBeVisible();
  await desk.page.reload();
  await expect(desk.signInButton).toBeVisible();
});

test('a file that is dropped on the page does nothing', async ({ at }) => {
  const { page } = await at('ana');
  const goesOn = (holds: 'file' | 'text') =>
    page.evaluate((kind) => {
      const dataTransfer = new DataTransfer();
      if (kind === 'file') dataTransfer.items.add(new File(['<script>'], 'page.html'));
      else dataTransfer.setData('text/plain', 'towels');
      // What the page does not prevent, the browser does: show the file.
      return document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
    }, holds);
  expect(await goesOn('file')).toBe(false);
  expect(await goesOn('text')).toBe(true);
});

test('a session that is ended elsewhere ends here', async ({ house, at }) => {
  const desk = await at('ana');
  await house.cli('staff', 'sign-out', 'ana');
  await expect(desk.page.getByText('Your session has ended. Please sign in again.')).toBeVisible();
});

test('an account that was disabled while its connection was down is signed out', async ({ house, at }) => {
  const desk = await at('ana');
  // The browser complains that there is no network, and that the socket is refused, and may.
  house.wasDown = true;
  await desk.page.context().setOffline(true);
  await expect(desk.connection).toHaveText('Offline');
  await house.cli('staff', 'disable', 'ana');
  await desk.page.context().setOffline(false);
  await expect(desk.page.getByText('Your session has ended. Please sign in again.')).toBeVisible();
});

test('two hotels on one server do not see each other', async ({ house, at }) => {
  const other = (await house.cli('property', 'create', '--name', 'Hotel Borealis')) as { id: number };
  await house.hire({ username: 'zoe', name: 'Zoe Lind', departments: ['reception'] }, other.id);
  const [ana, zoe] = await Promise.all([at('ana'), at('zoe')]);
  await house.write({ name: 'Amelia Hart', room: '204', number: '+447700900123' }, 'Is anybody there?');
  await expect(ana.row('204 Amelia Hart')).toBeVisible();
  await zoe.page.reload();
  await zoe.isConnected();
  await expect(zoe.page.getByText('No open conversations')).toBeVisible();
  await expect(zoe.row('204')).toHaveCount(0);
});

test('the page may load and run nothing but its own', async ({ at, complaints }) => {
  const desk = await at(null);
  const answer = await desk.page.request.get('/');
  const policy = answer.headers()['content-security-policy'];
  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toContain('unsafe');

  // A script that somebody smuggled in does not run, and the stories would have noticed.
  const violation = desk.page.waitForEvent('console', (message) => message.text().startsWith('policy violated'));
  await desk.page.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'document.title = "taken over"';
    document.head.append(script);
  });
  await violation;
  expect(await desk.page.title()).not.toBe('taken over');
  expect(complaints.splice(0)).not.toEqual([]);
});

test('says that the server gives no answer, and tries again', async ({ house, browse }) => {
  const page = await (await browse()).newPage();
  house.wasDown = true;
  await page.route('**/auth/me/', (route) => route.abort('connectionrefused'));
  await page.goto('/');
  await expect(page.getByText('Frontdesk could not start')).toBeVisible();
  const desk = new Desk(page);
  await inspect(desk, 'not-started');
  await page.unroute('**/auth/me/');
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(desk.signInButton).toBeVisible();
});
