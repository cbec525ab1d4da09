/** Every screen, empty and full, wide and narrow, with the longest things that people write. */
import { expect, inspect, test } from './stories';

const amelia = { name: 'Amelia Hart', room: '204', number: '+447700900123' };
const endless = {
  name: `Wolfeschlegelsteinhausenbergerdorff${'-Ng'.repeat(50)}`,
  room: 'Garden Pavilion West 1201',
  number: '+4930123',
};

test('the inbox, empty and full', async ({ house, at }) => {
  const ana = await at('ana');
  await expect(ana.page.getByText('No open conversations')).toBeVisible();
  await inspect(ana, 'inbox-empty');
  await ana.show('Waiting');
  await expect(ana.page.getByText('Nobody is waiting')).toBeVisible();
  await ana.show('Closed');
  await expect(ana.page.getByText('No closed conversations yet')).toBeVisible();
  await ana.show('Open');

  for (let room = 1; room <= 40; room += 1) {
    await house.write(
      { name: `Guest ${room}`, room: String(100 + room), number: `+44770090${1000 + room}` },
      `Hello from ${room}`,
    );
  }
  await house.write(amelia, 'Could we have two more towels?');
  await expect(ana.row('204 Amelia Hart')).toBeVisible();
  await expect(ana.page).toHaveTitle('(41) Frontdesk');
  await inspect(ana, 'inbox-full');

  await ana.open('204 Amelia Hart');
  await ana.say('On their way!');
  await ana.hasState('On their way!', 'Sent');
  await house.write(amelia, 'Thank you!');
  await expect(ana.text('Thank you!')).toBeVisible();
  await inspect(ana, 'conversation');
  await ana.fits();
});

test('the longest names and texts stay within their places', async ({ house, at }) => {
  const ana = await at('ana');
  const long = 'é'.repeat(4096);
  const { conversation_id } = await house.write(endless, 'w'.repeat(4096));
  await ana.open(endless.room);
  await expect(ana.page.getByRole('heading', { name: endless.name, exact: false })).toBeVisible();
  await ana.fits();

  // One character more than fits is not taken, and nothing of it is lost.
  await ana.box.fill(`${long}!`);
  await expect(ana.send).toBeDisabled();
  await expect(ana.box).toHaveAccessibleDescription('-1');
  await ana.box.fill(long);
  await ana.send.click();
  await expect(ana.box).toHaveValue('');
  await ana.hasState(long, 'Sent');
  expect((await house.gateway.delivery(long)).conversation_id).toBe(conversation_id);
  await ana.fits();
  await inspect(ana, 'long-texts');
});

test('on a telephone: the list, then the conversation, and back', async ({ house, at }) => {
  const ana = await at('ana', { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
  await house.write(amelia, 'Could we have two more towels?');
  await expect(ana.row('204 Amelia Hart')).toBeVisible();
  await ana.fits();
  await inspect(ana, 'phone-list');

  await ana.open('204 Amelia Hart', 'tap');
  await expect(ana.text('Could we have two more towels?')).toBeVisible();
  await expect(ana.conversations).toBeHidden();
  await ana.box.fill('On their way!');
  await ana.send.tap();
  await ana.hasState('On their way!', 'Sent');
  await ana.fits();
  await inspect(ana, 'phone-conversation');

  await ana.page.getByRole('button', { name: 'Guest details' }).tap();
  await expect(ana.page.getByRole('complementary', { name: 'Guest' })).toBeVisible();
  await ana.fits();
  await inspect(ana, 'phone-guest');
  await ana.page.getByRole('button', { name: 'Hide guest details' }).tap();
  await ana.page.getByRole('button', { name: 'Back to the list' }).tap();
  await expect(ana.row('204 Amelia Hart')).toBeVisible();
});

test('a list that cannot be read says so and offers the way out', async ({ house, at }) => {
  const ana = await at('ana');
  await house.write(amelia, 'Hello?');
  await ana.page.route('**/chat/conversations/?**', (route) =>
    route.fulfill({
      status: 503,
      contentType: 'application/problem+json',
      body: '{"code":"unavailable","status":503}',
    }),
  );
  house.wasDown = true;
  await ana.page.reload();
  await expect(ana.page.getByText('Could not load the list')).toBeVisible();
  await inspect(ana, 'list-failed');
  await ana.page.unroute('**/chat/conversations/?**');
  await ana.page.getByRole('button', { name: 'Try again' }).click();
  await expect(ana.row('204 Amelia Hart')).toBeVisible();
});

test('a long conversation opens where the unread begins, and loads what is older on the way up', async ({
  house,
  at,
}) => {
  const ana = await at('ana');
  for (let line = 1; line <= 120; line += 1) await house.write(amelia, `Line ${line}`);
  await ana.open('204 Amelia Hart');
  await expect(ana.log.getByText('New', { exact: true })).toBeInViewport();
  await expect(ana.text('Line 1')).toBeInViewport();

  // Of what was read, at its end; that it was read may still be on its way.
  await expect(async () => {
    await ana.page.reload();
    await ana.open('204 Amelia Hart');
    await expect(ana.text('Line 120')).toBeInViewport({ timeout: 2_000 });
  }).toPass();
  await ana.log.focus();
  await expect(async () => {
    await ana.page.keyboard.press('Home');
    await expect(ana.text('Line 1')).toBeInViewport({ timeout: 250 });
  }).toPass();
  await ana.page.keyboard.press('End');
  await expect(ana.text('Line 120')).toBeInViewport();
  await house.write(amelia, 'Line 121');
  await expect(ana.text('Line 121')).toBeInViewport();
});

test('the tabs speak of the chosen department', async ({ house, at }) => {
  const ben = await at('ben');
  await house.write(amelia, 'First');
  const { conversation_id } = await house.write(
    { name: 'Jo Okafor', room: '118', number: '+447700900456' },
    'My tap drips',
    'housekeeping',
  );
  const waiting = ben.page.getByRole('tab', { name: /^Waiting/u });
  await expect(waiting).toHaveText(/^Waiting\s*2$/u);
  await ben.page.getByRole('button', { name: /^Housekeeping/u }).click();
  await expect(waiting).toHaveText(/^Waiting\s*1$/u);

  // Closed long ago: of the newest closed ones, none is of this department.
  await house.ask('ben', '/chat/conversations/close/', { conversation_id });
  for (let room = 1; room <= 61; room += 1) {
    const guest = { name: `Guest ${room}`, room: String(300 + room), number: `+44770090${2000 + room}` };
    const written = await house.write(guest, 'Thanks');
    await house.ask('ben', '/chat/conversations/close/', { conversation_id: written.conversation_id });
  }
  await ben.page.reload();
  await ben.isConnected();
  await ben.page.getByRole('button', { name: /^Housekeeping/u }).click();
  await ben.show('Closed');
  await expect(ben.row('118 Jo Okafor')).toBeVisible();
});

test('a search shows what belongs to it, the room first', async ({ house, at }) => {
  const ana = await at('ana');
  const guests = [
    { name: 'Bo 204', room: '7', number: '+447700900001' },
    { name: 'Al', room: '2041', number: '+447700900002' },
    { name: 'Amelia Hart', room: '204', number: '+447700900003' },
    { name: 'Cy', room: '9', number: '+447700902045' },
  ];
  for (const guest of guests) await house.write(guest, 'Hello?');
  const search = ana.page.getByRole('searchbox', { name: 'Search conversations' });
  await expect(ana.conversations.getByRole('listitem')).toHaveCount(4);
  // The server is slow to answer: what is known stands there all the same, and nothing else.
  let answer = () => {};
  const answered = new Promise<void>((resolve) => (answer = resolve));
  await ana.page.route('**/chat/conversations/?**q=**', async (route) => {
    await answered;
    await route.continue();
  });
  await search.fill('204');
  const rooms = () => ana.conversations.locator('.room').allInnerTexts();
  await expect.poll(rooms).toEqual(['204', '2041', '7', '9']);
  await search.fill('zzzz');
  await expect(ana.conversations.getByRole('listitem')).toHaveCount(0);
  await expect(ana.page.getByText('No results')).toHaveCount(0);
  answer();
  await expect(ana.page.getByText('No results')).toBeVisible();
  await search.fill('204');
  await expect.poll(rooms).toEqual(['204', '2041', '7', '9']);
});

test('the line before what is new stands where it belongs, however much that is', async ({ house, at }) => {
  const ana = await at('ana');
  for (let line = 1; line <= 260; line += 1) await house.write(amelia, `Line ${line}`);
  await ana.open('204 Amelia Hart');
  await expect(ana.log.getByText('New', { exact: true })).toBeInViewport();
  await expect(ana.text('Line 1')).toBeInViewport();
});

test('what was talked about with a guest before is found by the guest, not by the name', async ({ house, at }) => {
  const ben = await at('ben');
  const namesake = { ...endless, number: '+4930124' };
  await house.write(endless, 'My tap drips', 'housekeeping');
  await house.write(namesake, 'Another guest of that name', 'housekeeping');
  await house.write(endless, 'Hello?');
  await ben.show('Open');
  const panel = ben.page.getByRole('complementary', { name: 'Guest' });
  // A row that has just moved takes no click.
  await expect(async () => {
    await ben.conversations.getByRole('listitem').filter({ hasText: 'Hello?' }).getByRole('button').click();
    await expect(panel.getByText('Other conversations (1)')).toBeVisible({ timeout: 500 });
  }).toPass();
  await expect(panel.getByText('My tap drips')).toBeVisible();
});
