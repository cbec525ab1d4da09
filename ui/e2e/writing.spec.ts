/** What happens while somebody writes: no word goes to another guest, none becomes a command, none is lost. */
import { expect, inspect, test } from './stories';

const amelia = { name: 'Amelia Hart', room: '204', number: '+447700900123' };
const jo = { name: 'Jo Okafor', room: '118', number: '+447700900456' };

test('a colleague closes the conversation while somebody writes: the text stays, and goes to nobody else', async ({
  house,
  at,
}) => {
  const ana = await at('ana');
  const { keyboard } = ana.page;
  const { conversation_id: first } = await house.write(amelia, 'I lost my key. What is my door code?');
  const { conversation_id: second } = await house.write(jo, 'Is breakfast included?');
  await ana.open('204 Amelia Hart');
  await keyboard.type('Dear Amelia, ');
  await house.ask('ben', '/chat/conversations/close/', { conversation_id: first });
  await expect(ana.page.getByRole('button', { name: 'Reopen' })).toBeVisible();
  await keyboard.type('your door code is 4711');
  await keyboard.press('Enter');
  await expect(ana.titled('Amelia Hart')).toBeVisible();
  await expect(ana.box).toBeFocused();
  await expect(ana.box).toHaveValue('Dear Amelia, your door code is 4711');
  await expect(ana.send).toBeDisabled();
  await inspect(ana, 'closed-while-writing');

  await ana.page.getByRole('button', { name: 'Reopen' }).click();
  await ana.box.press('End');
  await keyboard.type('. Please come to the desk');
  await keyboard.press('Enter');
  await ana.hasState('Dear Amelia, your door code is 4711. Please come to the desk', 'Sent');
  expect(await house.texts('ana', second)).toEqual(['Is breakfast included?']);
});

test('a colleague hands the conversation on while somebody writes: the text can be copied', async ({ house, at }) => {
  await house.hire({ username: 'rae', name: 'Rae Moss', departments: ['reception', 'restaurant'] });
  const ana = await at('ana');
  const { keyboard } = ana.page;
  const { conversation_id: first } = await house.write(amelia, 'A table for two, please');
  const { conversation_id: second } = await house.write(jo, 'Is breakfast included?');
  await ana.open('204 Amelia Hart');
  await keyboard.type('At eight, ');
  await house.ask('ben', '/chat/conversations/transfer/', { conversation_id: first, department: 'restaurant' });
  await expect(ana.page.getByText('Transferred to Restaurant')).toBeVisible();
  await expect(ana.box).toHaveCount(0);
  const unsent = ana.page.getByRole('textbox', { name: 'Your text was not sent' });
  await expect(unsent).toBeFocused();
  // What is still being typed opens nothing, closes nothing and reaches nobody.
  await keyboard.type('under the trees, else');
  await keyboard.press('Enter');
  // Also after a pause of some seconds.
  await ana.page.evaluate(() => {
    const now = performance.now.bind(performance);
    performance.now = () => now() + 5_000;
  });
  await keyboard.type('use the stairs');
  await keyboard.press('Enter');
  await expect(ana.titled('Amelia Hart')).toBeVisible();
  const written = 'At eight, under the trees, else\nuse the stairs\n';
  await expect(unsent).toHaveValue(written);
  await inspect(ana, 'transferred-away');
  expect(await house.texts('ana', second)).toEqual(['Is breakfast included?']);
  expect(await house.ask('ana', `/chat/conversations/${second}/`)).toMatchObject({ status: 'active' });

  // Back again, it goes on where it stopped.
  await house.ask('rae', '/chat/conversations/transfer/', { conversation_id: first, department: 'reception' });
  await expect(ana.box).toHaveValue(written);
  await expect(ana.box).toBeFocused();
  await expect(ana.text('A table for two, please')).toBeVisible();
  // Keys are commands again for who moved on.
  await keyboard.press('Escape');
  await keyboard.press('ArrowDown');
  await keyboard.press('Enter');
  await expect(ana.box).toBeFocused();
});

test('a colleague hands the conversation to another of my departments: I am told', async ({ house, at }) => {
  const [ana, ben] = await Promise.all([at('ana'), at('ben')]);
  const { conversation_id } = await house.write(amelia, 'My tap drips');
  await ben.open('204 Amelia Hart');
  await ana.open('204 Amelia Hart');
  await house.ask('ana', '/chat/conversations/transfer/', { conversation_id, department: 'housekeeping' });
  await expect(ben.toasts).toContainText('Transferred to Housekeeping');
  await expect(ben.box).toBeVisible();
});

test('whoever opens a conversation, what is typed then is meant for it', async ({ house, at }) => {
  const ana = await at('ana');
  const { keyboard } = ana.page;
  await house.write(amelia, 'Hello?');
  await house.write(jo, 'Is breakfast included?');
  await ana.open('204 Amelia Hart');
  await ana.page.getByRole('tab', { name: 'Open' }).click();
  await keyboard.press('Escape');
  await keyboard.press('u');
  await expect(ana.titled('Jo Okafor')).toBeVisible();
  await expect(ana.box).toBeFocused();
  // From the palette, which had the focus.
  await keyboard.press('Control+k');
  await keyboard.type('amelia');
  await keyboard.press('Enter');
  await expect(ana.titled('Amelia Hart')).toBeVisible();
  await expect(ana.box).toBeFocused();
});

test('a click on a notification opens the conversation, and what is typed then is meant for it', async ({
  house,
  at,
}) => {
  const { conversation_id } = await house.write(amelia, 'Hello?');
  await house.write(jo, 'Is breakfast included?');
  const ana = await at('ana');
  const { page } = ana;
  // The desktop's side of the window, as far as this needs it.
  await page.addInitScript(() => {
    const told: Record<number, (message: unknown) => void> = {};
    let count = 0;
    let channel = 0;
    let index = -1;
    const ask = async (method: string, path: string, body?: unknown) => {
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(path, { method, headers, body: body ? JSON.stringify(body) : null });
      return response.json();
    };
    const commands: unknown[] = [];
    Object.assign(window, {
      commands,
      tell: (message: unknown) => told[channel]?.({ index: ++index, message }),
      __TAURI_INTERNALS__: {
        transformCallback: (callback: (message: unknown) => void) => {
          told[++count] = callback;
          return count;
        },
        unregisterCallback: () => {},
        invoke: async (command: string, given: Record<string, unknown>) => {
          if (command === 'start') {
            channel = (given['onEvent'] as { id: number }).id;
            return { screen: 'inbox', user: await ask('GET', '/auth/me/'), keyring: 'ok', canShare: false };
          }
          if (command === 'request') return ask(given['method'] as string, given['path'] as string, given['body']);
          if (command === 'settings') return { theme: 'system' };
          if (command === 'command') commands.push(given['command']);
          return null;
        },
      },
    });
  });
  await page.reload();
  const tell = (event: unknown) =>
    page.evaluate((message) => (window as unknown as { tell: (it: unknown) => void }).tell(message), event);
  await expect(ana.row('118 Jo Okafor')).toBeVisible();
  await tell({ kind: 'connection', connection: { state: 'connected' } });
  await tell({ kind: 'open_conversation', conversation_id });
  await expect(ana.titled('Amelia Hart')).toBeVisible();
  await expect(ana.box).toBeFocused();
  await page.keyboard.type('yes, else');
  await expect(ana.box).toHaveValue('yes, else');
  const commands = await page.evaluate(() => (window as unknown as { commands: { type: string }[] }).commands);
  expect(commands.map(({ type }) => type)).not.toContain('close_conversation');
});

test('a dialog that holds a text does not go by a slip of the mouse', async ({ at }) => {
  const ana = await at('ana');
  const { page, dialog } = ana;
  const start = page.getByRole('button', { name: 'New conversation' });
  await start.click();
  const text = dialog.getByRole('textbox', { name: 'First message (optional)' });
  const place = async () => (await text.boundingBox()) ?? { x: 0, y: 0 };
  const beside = { x: 20, y: 780 };

  // Marked from within to far outside.
  const { x, y } = await place();
  await page.mouse.move(x + 60, y + 12);
  await page.mouse.down();
  await page.mouse.move(beside.x, beside.y, { steps: 5 });
  await page.mouse.up();
  await expect(dialog).toBeVisible();

  await text.fill('A long text');
  await page.mouse.click(beside.x, beside.y);
  await expect(text).toHaveValue('A long text');
  await page.keyboard.press('Escape');
  await expect(dialog).toHaveCount(0);

  await start.click();
  await page.mouse.click(beside.x, beside.y);
  await expect(dialog).toHaveCount(0);
});

test('the same dialog asks for another conversation when something else is wanted', async ({ house, at }) => {
  await house.cli('guest', 'check-in', '--name', 'Amelia Hart', '--room', '204', '--whatsapp', amelia.number);
  await house.cli('guest', 'check-in', '--name', 'Jo Okafor', '--room', '118', '--whatsapp', jo.number);
  const ana = await at('ana');
  const room = ana.dialog.getByRole('combobox', { name: 'Room' });
  const submit = ana.dialog.getByRole('button', { name: 'Start' });
  await ana.page.getByRole('button', { name: 'New conversation' }).click();
  // The server does what is asked, and its answer is lost.
  await ana.page.route('**/chat/conversations/create/', async (route) => {
    await route.fetch();
    await route.abort('connectionreset');
  });
  house.wasDown = true;
  await room.fill('204');
  await ana.dialog.getByRole('textbox', { name: 'First message (optional)' }).fill('Your taxi is here');
  await submit.click();
  await expect(ana.dialog.getByRole('alert')).toBeVisible();
  await ana.page.unroute('**/chat/conversations/create/');
  await room.fill('118');
  await submit.click();
  await expect(ana.titled('Jo Okafor')).toBeVisible();
  await ana.hasState('Your taxi is here', 'Sent');
});

test('signing out without the server says so, and goes on where it was', async ({ house, at }) => {
  const ana = await at('ana');
  await house.write(amelia, 'Hello?');
  await ana.open('204 Amelia Hart');
  await ana.box.fill('A draft');
  await house.stop();
  await expect(ana.connection).not.toHaveText('Connected');
  await ana.page.getByRole('button', { name: 'Account of Ana Silva' }).click();
  await ana.page.getByRole('menuitem', { name: 'Sign out' }).click();
  await ana.dialog.getByRole('button', { name: 'Sign out and delete' }).click();
  await expect(ana.toasts).toContainText('Could not sign out');
  await expect(ana.box).toHaveValue('A draft');
  await house.start();
  await ana.isConnected();
  await ana.toasts.getByRole('button', { name: 'Try again' }).click();
  await expect(ana.signInButton).toBeVisible();
  await expect(ana.page.getByText('Your session has ended')).toHaveCount(0);
});

test('a text without a visible character is not sent', async ({ house, at }) => {
  const ana = await at('ana');
  const { conversation_id } = await house.write(amelia, 'Hello?');
  await ana.open('204 Amelia Hart');
  for (const nothing of ['\u200b', '\u3164 \u2800', '\u00ad\ufe0f', '\u2066\u2069']) {
    await ana.box.fill(nothing);
    await expect(ana.send).toBeDisabled();
    await ana.box.press('Enter');
    await expect(ana.box).toHaveValue(nothing);
  }
  await ana.box.fill('\u200bYes');
  await expect(ana.send).toBeEnabled();
  await ana.box.press('Enter');
  await ana.hasState('Yes', 'Sent');
  expect(await house.texts('ana', conversation_id)).toHaveLength(2);
});
