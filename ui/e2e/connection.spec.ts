/** The server goes away and comes back; nothing is lost, nothing is said twice. */
import { Desk } from './desk';
import { PASSWORD } from './house';
import { expect, inspect, test } from './stories';

const amelia = { name: 'Amelia Hart', room: '204', number: '+447700900123' };

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  test(`a text written without the server is sent once when it is back (${signal})`, async ({ house, at }) => {
    const ana = await at('ana');
    const { conversation_id } = await house.write(amelia, 'Are you there?');
    await ana.open('204 Amelia Hart');
    await ana.say('Yes');
    await ana.hasState('Yes', 'Sent');

    await house.stop(signal);
    await expect(ana.connection).toHaveText(/^(Reconnecting…|Offline)$/u);
    await ana.say('Just a moment');
    await ana.hasState('Just a moment', 'Waiting');
    await ana.say('We are looking');
    await ana.hasState('We are looking', 'Waiting');
    if (signal === 'SIGTERM') await inspect(ana, 'reconnecting');

    await house.start();
    await ana.isConnected();
    await ana.hasState('Just a moment', 'Sent');
    await ana.hasState('We are looking', 'Sent');
    await expect(ana.text('Just a moment')).toHaveCount(1);
    const said = ['Are you there?', 'Yes', 'Just a moment', 'We are looking'];
    expect(await house.texts('ana', conversation_id)).toEqual(said);
    await house.gateway.delivery('We are looking');
    expect(house.gateway.deliveries.filter(({ content }) => content === 'Just a moment')).toHaveLength(1);
  });
}

test('what waits to be sent survives a reload of the page', async ({ house, at }) => {
  const ana = await at('ana');
  const { conversation_id } = await house.write(amelia, 'Are you there?');
  await ana.open('204 Amelia Hart');
  // The page still comes, and signs in; the connection does not.
  await ana.page.context().routeWebSocket('**/ws/chat/', (socket) => socket.close());
  house.wasDown = true;
  ana.page.on('dialog', (dialog) => void dialog.accept());
  await ana.page.reload();
  await expect(ana.connection).not.toHaveText('Connected');
  await ana.open('204 Amelia Hart');
  await ana.say('One minute, please');
  await ana.hasState('One minute, please', 'Waiting');
  await ana.page.reload();
  await ana.open('204 Amelia Hart');
  await ana.hasState('One minute, please', 'Waiting');

  await ana.page.context().routeWebSocket('**/ws/chat/', (socket) => void socket.connectToServer());
  await ana.isConnected();
  await ana.hasState('One minute, please', 'Sent');
  expect(await house.texts('ana', conversation_id)).toEqual(['Are you there?', 'One minute, please']);
});

test('a text that waits can be withdrawn, and is never sent', async ({ house, at }) => {
  const ana = await at('ana');
  const { conversation_id } = await house.write(amelia, 'Are you there?');
  await ana.open('204 Amelia Hart');
  await house.stop();
  await expect(ana.connection).toHaveText(/^(Reconnecting…|Offline)$/u);
  for (const text of ['One minute', 'Never mind', 'We are looking']) {
    await ana.say(text);
    await ana.hasState(text, 'Waiting');
  }
  await inspect(ana, 'waiting-texts');
  await ana.log.getByRole('button', { name: 'Withdraw', exact: true }).nth(1).click();
  await expect(ana.text('Never mind')).toHaveCount(0);

  await house.start();
  await ana.hasState('We are looking', 'Sent');
  await expect(ana.log.getByRole('button', { name: 'Withdraw' })).toHaveCount(0);
  expect(await house.texts('ana', conversation_id)).toEqual(['Are you there?', 'One minute', 'We are looking']);
});

test('what happened meanwhile is there after the connection is back', async ({ house, at }) => {
  const [ana, ben] = await Promise.all([at('ana'), at('ben')]);
  await house.write(amelia, 'First');
  await ana.open('204 Amelia Hart');
  await ben.open('204 Amelia Hart');
  house.wasDown = true;
  await ana.page.context().setOffline(true);
  await expect(ana.connection).toHaveText('Offline');
  await inspect(ana, 'offline');
  await house.write(amelia, 'Second');
  await ben.say('Third');
  await ben.hasState('Third', 'Sent');
  await house.write({ name: 'Jo Okafor', room: '118', number: '+447700900456' }, 'And me');
  await expect(ben.row('118 Jo Okafor')).toBeVisible();
  await expect(ana.row('118 Jo Okafor')).toHaveCount(0);

  // Rows keep their places while the pointer is over the list.
  await ana.log.hover();
  await ana.page.context().setOffline(false);
  await ana.isConnected();
  for (const text of ['First', 'Second', 'Third']) await expect(ana.text(text)).toHaveCount(1);
  await expect(ana.row('118 Jo Okafor')).toHaveCount(1);
});

test('a department that was given meanwhile brings what was in it before', async ({ house, at }) => {
  await house.hire({ username: 'ada', name: 'Ada Min', departments: ['restaurant'], isAdmin: true });
  const ana = await at('ana');
  await house.write({ name: 'Jo Okafor', room: '118', number: '+447700900456' }, 'A table for two', 'restaurant');
  const { id } = await house.ask<{ id: number }>('ana', '/auth/me/');
  house.wasDown = true;
  await ana.page.context().setOffline(true);
  await expect(ana.connection).toHaveText('Offline');
  await house.ask('ada', `/staff/${id}/`, { departments: ['reception', 'restaurant'] }, 'PATCH');

  await ana.page.context().setOffline(false);
  await ana.isConnected();
  await ana.open('118 Jo Okafor');
  await expect(ana.text('A table for two')).toBeVisible();
});

test('a refused text says why, and is sent by trying again', async ({ house, at }) => {
  const [ana, ben] = await Promise.all([at('ana'), at('ben')]);
  const { conversation_id } = await house.write(amelia, 'Never mind');
  await ana.open('204 Amelia Hart');
  await ben.open('204 Amelia Hart');
  house.wasDown = true;
  await ana.page.context().setOffline(true);
  await expect(ana.connection).toHaveText('Offline');
  await ana.say('Here you are');
  await ana.hasState('Here you are', 'Waiting');
  await ben.close.click();
  await expect(ben.page.getByText('Conversation with 204 Amelia Hart closed')).toBeVisible();

  await ana.page.context().setOffline(false);
  await ana.isConnected();
  await ana.hasState('Here you are', 'Not sent');
  await expect(ana.log).toContainText('The conversation is closed.');
  const banner = ana.page.getByRole('button', { name: /to be sent|not sent/u });
  await expect(banner).toHaveText('1 message was not sent');
  await inspect(ana, 'not-sent');
  expect(await house.texts('ana', conversation_id)).toEqual(['Never mind']);

  await ana.page.getByRole('button', { name: 'Reopen', exact: true }).click();
  await expect(ana.box).toBeVisible();
  await ana.log.getByRole('button', { name: 'Try again' }).click();
  await ana.hasState('Here you are', 'Sent');
  expect(await house.texts('ana', conversation_id)).toEqual(['Never mind', 'Here you are']);
});

test('without an answer the screen says so and goes on trying', async ({ house, at }) => {
  const ana = await at('ana');
  const { conversation_id } = await house.write(amelia, 'Hello?');
  // The connection swallows the first text; after that there is none, until the story wants one.
  let swallowed = 0;
  let isBack = false;
  house.wasDown = true;
  await ana.page.context().routeWebSocket('**/ws/chat/', (socket) => {
    if (swallowed > 0 && !isBack) return void socket.close();
    const server = socket.connectToServer();
    socket.onMessage((frame) => {
      if (swallowed === 0 && String(frame).includes('"type":"text"')) swallowed += 1;
      else server.send(frame);
    });
  });
  await ana.page.reload();
  await ana.isConnected();
  await ana.open('204 Amelia Hart');
  // The clock is the page's own: nobody waits ten seconds for it.
  await ana.page.clock.install();
  await ana.say('Good evening');
  await ana.hasState('Good evening', 'Sending');
  expect(swallowed).toBe(1);
  await ana.page.clock.fastForward(10_001);
  await expect(ana.log).toContainText('No answer from the server yet.');
  isBack = true;
  await ana.isConnected();
  await ana.hasState('Good evening', 'Sent');
  await expect(ana.log).not.toContainText('No answer');
  expect(await house.texts('ana', conversation_id)).toEqual(['Hello?', 'Good evening']);
});

test('after a backup was put back, nothing of the lost days is shown', async ({ house, at }) => {
  const jo = { name: 'Jo Okafor', room: '118', number: '+447700900456' };
  const cy = { name: 'Cy Third', room: '119', number: '+447700900003' };
  const ana = await at('ana');
  await house.write(amelia, 'Before the backup');
  await house.write(jo, 'Before as well');
  const file = await house.backup();
  await house.write(cy, 'A lost conversation');
  await ana.show('Open');
  await ana.open('119 Cy Third');
  await ana.close.click();
  await ana.show('Closed');
  await expect(ana.row('119 Cy Third')).toBeVisible();
  await ana.show('Open');
  for (const guest of [jo, amelia]) {
    await house.write(guest, 'A lost message');
    await ana.open(`${guest.room} ${guest.name}`);
    await expect(ana.text('A lost message')).toBeVisible();
  }
  await ana.box.fill('Written before');

  await house.stop();
  await house.cli('restore', file);
  await house.start();
  await ana.isConnected();
  await expect(ana.text('A lost message')).toHaveCount(0);
  await expect(ana.text('Before the backup')).toBeVisible();
  await expect(ana.box).toHaveValue('Written before');
  await ana.open('118 Jo Okafor');
  await expect(ana.text('Before as well')).toBeVisible();
  await expect(ana.text('A lost message')).toHaveCount(0);
  await expect(ana.row('118 Jo Okafor')).toContainText('Before as well');
  await ana.show('Closed');
  await expect(ana.page.getByText('No closed conversations yet')).toBeVisible();
});

test('a conversation that was lost with a backup is told, and what was written for it can be copied', async ({
  house,
  at,
}) => {
  const ana = await at('ana');
  await house.write(amelia, 'Before the backup');
  const file = await house.backup();
  await house.write({ name: 'Cy Third', room: '119', number: '+447700900003' }, 'What is my door code?');
  await ana.open('119 Cy Third');
  await ana.box.fill('Your door code is 4711');
  await house.stop();
  await house.cli('restore', file);
  await house.start();
  await ana.isConnected();
  await expect(ana.page.getByText('This conversation no longer exists')).toBeVisible();
  await expect(ana.titled('Cy Third')).toBeVisible();
  const unsent = ana.page.getByRole('textbox', { name: 'Your text was not sent' });
  await expect(unsent).toHaveValue('Your door code is 4711');
  await expect(ana.box).toHaveCount(0);
  await inspect(ana, 'conversation-gone');
  // The answer box had the focus: what is still being typed must not reach another guest's row.
  await expect(unsent).toBeFocused();
  await expect(ana.row('204 Amelia Hart').getByRole('button')).toBeVisible();
});

test('a guest who was erased while a window was away is gone from it', async ({ house, at }) => {
  const ana = await at('ana');
  const { conversation_id } = await house.write(amelia, 'A secret');
  await house.write({ name: 'Jo Okafor', room: '118', number: '+447700900456' }, 'Hello');
  const { guest_info } = await house.ask<{ guest_info: { id: number } }>(
    'ana',
    `/chat/conversations/${conversation_id}/`,
  );
  await ana.open('204 Amelia Hart');
  await expect(ana.text('A secret')).toBeVisible();
  house.wasDown = true;
  await ana.page.context().setOffline(true);
  await expect(ana.connection).toHaveText('Offline');
  await house.cli('guest', 'erase', String(guest_info.id));
  await ana.page.context().setOffline(false);
  await ana.isConnected();
  await expect(ana.page.getByText('This conversation no longer exists')).toBeVisible();
  await expect(ana.page.getByText('A secret')).toHaveCount(0);
  await ana.show('Open');
  await expect(ana.row('118 Jo Okafor')).toBeVisible();
  await expect(ana.row('204 Amelia Hart')).toHaveCount(0);
});

test('a guest who was erased while the connection was down, and whose messages are read again, is gone', async ({
  house,
  at,
}) => {
  const ana = await at('ana');
  const { conversation_id } = await house.write(amelia, 'A secret');
  await ana.page.route(`**/chat/conversations/${conversation_id}/messages/**`, (route) =>
    route.fulfill({
      status: 404,
      contentType: 'application/problem+json',
      body: '{"code":"conversation_not_found","status":404}',
    }),
  );
  await ana.row('204 Amelia Hart').getByRole('button').press('Enter');
  await expect(ana.page.getByText('This conversation no longer exists')).toBeVisible();
  await expect(ana.row('204 Amelia Hart')).toHaveCount(0);
});

test('texts that came too fast go again by themselves, in their order', async ({ house, at }) => {
  const ana = await at('ana');
  const { conversation_id } = await house.write(amelia, 'Are you there?');
  let refused = 0;
  house.wasDown = true;
  await ana.page.context().routeWebSocket('**/ws/chat/', (socket) => {
    const server = socket.connectToServer();
    socket.onMessage((data) => {
      const frame = JSON.parse(String(data)) as { type: string; client_id?: string };
      if (frame.type !== 'text' || refused === 2) return server.send(data);
      refused += 1;
      const { client_id } = frame;
      const message = 'Too many messages, slow down';
      socket.send(JSON.stringify({ type: 'error', code: 'rate_limited', message, conversation_id, client_id }));
    });
  });
  await ana.page.reload();
  await ana.isConnected();
  await ana.open('204 Amelia Hart');
  const said = ['Yes', 'One moment', 'We are looking'];
  for (const text of said) await ana.say(text);
  for (const text of said) await ana.hasState(text, 'Sent');
  expect(refused).toBe(2);
  expect(await house.texts('ana', conversation_id)).toEqual(['Are you there?', ...said]);
});

test('what could not be read is read when the connection is back', async ({ house, at }) => {
  const ana = await at('ana');
  await house.write(amelia, 'Hello?');
  await house.write({ name: 'Jo Okafor', room: '118', number: '+447700900456' }, 'Is breakfast included?');
  await expect(ana.row('118 Jo Okafor')).toBeVisible();
  await ana.page.route('**/chat/conversations/**', (route) => route.abort('connectionrefused'));
  await house.stop();
  await ana.show('Closed');
  await expect(ana.page.getByText('Could not load the list')).toBeVisible();
  await ana.page.unroute('**/chat/conversations/**');
  await house.start();
  await ana.isConnected();
  await expect(ana.page.getByText('No closed conversations yet')).toBeVisible();
});

test('a conversation whose department is taken away and given back can be answered again', async ({ house, at }) => {
  const { conversation_id } = await house.write(amelia, 'Two towels, please');
  await house.hire({ username: 'ada', name: 'Ada Min', departments: ['restaurant'], isAdmin: true });
  const { id } = await house.ask<{ id: number }>('ben', '/auth/me/');
  const assign = (departments: string[]) => house.ask('ada', `/staff/${id}/`, { departments }, 'PATCH');
  const ben = await at('ben');
  await ben.open('204 Amelia Hart');
  await ben.box.fill('They come in');
  await assign(['housekeeping']);
  await expect(ben.page.getByText('This conversation has left your departments')).toBeVisible();
  await assign(['reception', 'housekeeping']);
  await expect(ben.box).toHaveValue('They come in');
  await ben.say('They come in ten minutes');
  await ben.hasState('They come in ten minutes', 'Sent');
  expect(await house.texts('ana', conversation_id)).toContain('They come in ten minutes');
});

test('an account that only administers reads, sees what is new, and is told of no lost connection', async ({
  house,
  browse,
}) => {
  await house.hire({ username: 'olga', name: 'Olga Owner', departments: [], isOnlyAdmin: true });
  await house.write(amelia, 'Two towels, please');
  const context = await browse();
  await context.request.post('/auth/login/', { data: { username: 'olga', password: PASSWORD, cookie: true } });
  const page = await context.newPage();
  await page.clock.install();
  await page.goto('/');
  const olga = new Desk(page);
  await olga.open('204 Amelia Hart');
  await expect(page.getByText('Your account is for administration.')).toBeVisible();
  await expect(olga.connection).toHaveCount(0);
  await expect(page.getByText('No connection.')).toHaveCount(0);
  await inspect(olga, 'only-administers');
  await house.write(amelia, 'And a kettle');
  await page.clock.fastForward(31_000);
  await expect(olga.text('And a kettle')).toBeVisible();
});
