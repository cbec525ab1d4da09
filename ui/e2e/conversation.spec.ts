/** A guest writes and somebody answers: two people at the desk, one guest at the other end of the gateway. */
import { enter, expect, inspect, test } from './stories';

const amelia = { name: 'Amelia Hart', room: '204', number: '+447700900123' };
const jo = { name: 'Jo Okafor', room: '118', number: '+447700900456' };

test('a guest’s message reaches both colleagues, and one answers', async ({ house, at }) => {
  const [ana, ben] = await Promise.all([at('ana'), at('ben')]);
  await expect(ana.page.getByText('No open conversations')).toBeVisible();
  const { conversation_id } = await house.write(amelia, 'Could we have two more towels?');
  for (const desk of [ana, ben]) {
    await expect(desk.row('204 Amelia Hart')).toHaveAccessibleName(/waiting for less than a minute.*1 unread message/u);
    await expect(desk.row('204 Amelia Hart')).toContainText('Could we have two more towels?');
    await expect(desk.page).toHaveTitle('(1) Frontdesk');
  }

  await ana.open('204 Amelia Hart');
  await ben.open('204 Amelia Hart');
  await expect(ana.text('Could we have two more towels?')).toBeVisible();
  await ana.say('On their way!');
  await ana.hasState('On their way!', 'Sent');
  await expect(ana.box).toHaveValue('');
  await expect(ben.text('On their way!')).toBeVisible();
  await expect(ben.log).toContainText('Ana Silva');

  const delivery = await house.gateway.delivery('On their way!');
  expect(delivery).toMatchObject({
    conversation_id,
    guest: { name: 'Amelia Hart', whatsapp_number: amelia.number },
    room_number: '204',
    department: 'reception',
    sender_name: 'Ana Silva',
  });
  // Answered: nobody waits any more.
  for (const desk of [ana, ben]) await expect(desk.row('204 Amelia Hart')).not.toHaveAccessibleName(/waiting/u);

  await house.write(amelia, 'Thank you!');
  for (const desk of [ana, ben]) await expect(desk.text('Thank you!')).toBeVisible();
});

test('a message in a conversation that nobody opened shows in its line', async ({ house, at }) => {
  const ana = await at('ana');
  await house.write(amelia, 'Good morning');
  await expect(ana.row('204 Amelia Hart')).toHaveAccessibleName(/1 unread message/u);
  await house.write(amelia, 'Is the pool open?');
  await expect(ana.row('204 Amelia Hart')).toHaveAccessibleName(/2 unread messages/u);
  await expect(ana.row('204 Amelia Hart')).toContainText('Is the pool open?');
});

test('who reads has read, and the colleague has not', async ({ house, at }) => {
  const [ana, ben] = await Promise.all([at('ana'), at('ben')]);
  const { conversation_id } = await house.write(amelia, 'Hello?');
  await expect(ben.row('204 Amelia Hart')).toHaveAccessibleName(/1 unread/u);
  await ana.open('204 Amelia Hart');
  await expect(ana.row('204 Amelia Hart')).not.toHaveAccessibleName(/unread/u);
  await expect(ana.page).toHaveTitle('Frontdesk');
  await expect
    .poll(() => house.ask('ana', `/chat/conversations/${conversation_id}/`))
    .toMatchObject({ unread_count: 0 });
  expect(await house.ask('ben', `/chat/conversations/${conversation_id}/`)).toMatchObject({ unread_count: 1 });
  await expect(ben.row('204 Amelia Hart')).toHaveAccessibleName(/1 unread/u);
});

test('typing is seen by the colleague and ends with the message', async ({ house, at }) => {
  const [ana, ben] = await Promise.all([at('ana'), at('ben')]);
  await house.write(amelia, 'Hello?');
  await ana.open('204 Amelia Hart');
  await ben.open('204 Amelia Hart');
  await expect(ben.box).toBeFocused();
  await ana.box.pressSequentially('Good');
  await expect(ben.page.getByText('Ana Silva is typing…')).toBeVisible();
  await expect(ana.page.getByText(/is typing/u)).toHaveCount(0);
  await ana.box.press('Enter');
  await expect(ben.text('Good')).toBeVisible();
  await expect(ben.page.getByText('Ana Silva is typing…')).toBeHidden();
});

test('closing takes it off both lists, and reopening brings it back', async ({ house, at }) => {
  const [ana, ben] = await Promise.all([at('ana'), at('ben')]);
  await house.write(amelia, 'All done, thanks');
  await ben.show('Open');
  await ana.open('204 Amelia Hart');
  await ana.close.click();
  for (const desk of [ana, ben]) await expect(desk.row('204 Amelia Hart')).toHaveCount(0);
  await expect(ana.page.getByText('Conversation with 204 Amelia Hart closed')).toBeVisible();
  await expect(ana.box).toHaveCount(0);

  await ben.show('Closed');
  await ben.open('204 Amelia Hart');
  await ben.page.getByRole('button', { name: 'Reopen' }).click();
  await expect(ben.box).toBeVisible();
  await ben.show('Open');
  for (const desk of [ana, ben]) await expect(desk.row('204 Amelia Hart')).toBeVisible();
  await ben.say('Still here for you');
  await ben.hasState('Still here for you', 'Sent');
});

test('a closing that the server did not take is taken back on the screen', async ({ house, at }) => {
  const ana = await at('ana');
  await house.write(amelia, 'Hello?');
  await ana.open('204 Amelia Hart');
  await house.stop();
  await expect(ana.connection).not.toHaveText('Connected');
  await ana.close.click();
  await expect(ana.page.getByText(/^Could not close the conversation with 204 Amelia Hart: /u)).toBeVisible();
  await expect(ana.row('204 Amelia Hart')).toBeVisible();
  await house.start();
  await ana.isConnected();
  await ana.toasts.getByRole('button', { name: 'Try again' }).click();
  await expect(ana.row('204 Amelia Hart')).toHaveCount(0);
});

test('what cannot be reopened, as the guest has written again, leads to what is open, with the draft', async ({
  house,
  at,
}) => {
  const [ana, ben] = await Promise.all([at('ana'), at('ben')]);
  await house.write(amelia, 'Thanks, that is all');
  await ana.open('204 Amelia Hart');
  await ana.box.fill('The taxi comes at eight');
  await ben.open('204 Amelia Hart');
  await ben.close.click();
  const reopen = ana.page.getByRole('button', { name: 'Reopen', exact: true });
  await expect(reopen).toBeVisible();
  await house.write(amelia, 'One thing more');
  await reopen.click();
  await expect(ana.toasts).toContainText('Could not reopen the conversation with 204 Amelia Hart: ');
  await expect(ana.toasts.getByRole('button', { name: 'Try again' })).toHaveCount(0);
  await inspect(ana, 'not-reopened');
  await ana.toasts.getByRole('button', { name: 'Open it' }).click();
  await expect(ana.text('One thing more')).toBeVisible();
  await expect(ana.box).toHaveValue('The taxi comes at eight');
});

test('is handed to another department', async ({ house, at }) => {
  const [ana, ben] = await Promise.all([at('ana'), at('ben')]);
  await house.write(amelia, 'My tap drips');
  await ana.open('204 Amelia Hart');
  await ana.page.getByRole('button', { name: 'Transfer to a department' }).click();
  await ana.dialog.getByRole('radio', { name: 'Housekeeping' }).check();
  await inspect(ana, 'transfer');
  await ana.dialog.getByRole('button', { name: 'Transfer' }).click();
  await expect(ana.dialog).toHaveCount(0);
  await expect(ana.row('204 Amelia Hart')).toHaveCount(0);
  // Ben works in both: he has it once, in its new place.
  await expect(ben.row('204 Amelia Hart')).toHaveCount(1);
  await expect(ben.row('204 Amelia Hart')).toHaveAccessibleName(/Housekeeping/u);
  await ben.open('204 Amelia Hart');
  await ben.say('A colleague is on the way');
  expect(await house.gateway.delivery('A colleague is on the way')).toMatchObject({ department: 'housekeeping' });
});

test('a conversation is started with a room', async ({ house, at }) => {
  const [ana, ben] = await Promise.all([at('ana'), at('ben')]);
  await house.cli('guest', 'check-in', '--name', 'Amelia Hart', '--room', '204', '--whatsapp', amelia.number);
  const start = ana.page.getByRole('button', { name: 'New conversation' });
  await start.click();
  await ana.dialog.getByRole('combobox', { name: 'Room' }).fill('999');
  await ana.dialog.getByRole('button', { name: 'Start' }).click();
  await expect(ana.dialog.getByRole('alert')).toBeVisible();
  await inspect(ana, 'new-conversation');

  await ana.dialog.getByRole('combobox', { name: 'Room' }).fill('204');
  await ana.dialog.getByRole('textbox', { name: 'First message (optional)' }).fill('Your taxi is here');
  await ana.dialog.getByRole('button', { name: 'Start' }).click();
  await expect(ana.dialog).toHaveCount(0);
  await expect(ana.text('Your taxi is here')).toBeVisible();
  await ana.hasState('Your taxi is here', 'Sent');
  await ben.show('Open');
  await expect(ben.row('204 Amelia Hart')).toContainText('Your taxi is here');

  // A second one with the same guest is the first one.
  await start.click();
  await ana.dialog.getByRole('combobox', { name: 'Room' }).fill('204');
  await ana.dialog.getByRole('button', { name: 'Start' }).click();
  await ana.dialog.getByRole('button', { name: 'Open it' }).click();
  await expect(ana.text('Your taxi is here')).toBeVisible();
});

test('two tabs of one person show the same', async ({ house, at }) => {
  const first = await at('ana');
  const second = await enter(await first.page.context().newPage());
  await house.write(amelia, 'Hello?');
  await second.show('Open');
  await expect(second.row('204 Amelia Hart')).toHaveAccessibleName(/1 unread/u);
  await first.open('204 Amelia Hart');
  await expect(second.row('204 Amelia Hart')).not.toHaveAccessibleName(/unread/u);
  await second.open('204 Amelia Hart');
  await first.say('Good evening');
  await first.hasState('Good evening', 'Sent');
  await second.hasState('Good evening', 'Sent');
  await expect(first.text('Good evening')).toHaveCount(1);
  await expect(second.text('Good evening')).toHaveCount(1);
  // One person is online once, however many tabs there are.
  await expect(first.page.getByRole('complementary', { name: 'Guest' }).getByText('Ana Silva (you)')).toHaveCount(1);
});

test('conversations are found by room, name and number', async ({ house, at }) => {
  const ana = await at('ana');
  await house.write(amelia, 'Hello?');
  await house.write(jo, 'Is breakfast included?');
  const search = ana.page.getByRole('searchbox', { name: 'Search conversations' });
  await expect(ana.row('118 Jo Okafor')).toBeVisible();
  for (const [query, found, missing] of [
    ['204', '204 Amelia Hart', '118 Jo Okafor'],
    ['okafor', '118 Jo Okafor', '204 Amelia Hart'],
    ['900123', '204 Amelia Hart', '118 Jo Okafor'],
  ] as const) {
    await search.fill(query);
    await expect(ana.row(missing)).toHaveCount(0);
    await expect(ana.row(found)).toBeVisible();
  }
  await search.fill('nobody of that name');
  await expect(ana.page.getByText('No results')).toBeVisible();
  await inspect(ana, 'nothing-found');
  await search.fill('');
  await expect(ana.row('118 Jo Okafor')).toBeVisible();
});

test('who waits longest stands first, and departments narrow the list', async ({ house, at }) => {
  const ben = await at('ben');
  await house.write(amelia, 'First', 'reception');
  await house.write(jo, 'Second', 'housekeeping');
  await expect(ben.conversations.getByRole('listitem')).toHaveCount(2);
  await ben.show('Waiting');
  await expect(ben.conversations.getByRole('listitem').first()).toHaveAccessibleName(/^204 Amelia Hart/u);
  await ben.page.getByRole('button', { name: /^Housekeeping/u }).click();
  await expect(ben.conversations.getByRole('listitem')).toHaveCount(1);
  await expect(ben.row('118 Jo Okafor')).toBeVisible();
});
