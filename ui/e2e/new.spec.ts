/** A new conversation: one sees who it is for before anything is sent. */
import type { Desk } from './desk';
import { expect, inspect, test } from './stories';

const amelia = { name: 'Amelia Hart', room: '204', number: '+447700900123' };

const who = (desk: Desk) => desk.dialog.getByRole('combobox', { name: 'Room, name or number' });
const guests = (desk: Desk) => desk.dialog.getByRole('listbox', { name: 'Guests' }).getByRole('option');
const message = (desk: Desk) => desk.dialog.getByRole('textbox', { name: 'First message (optional)' });

async function begin(desk: Desk): Promise<void> {
  await desk.page.getByRole('button', { name: 'New conversation' }).click();
  await expect(who(desk)).toBeFocused();
}

test('the form shows the guests of a room, how they are reached and what is open with them', async ({ house, at }) => {
  // The gateway's guest can be reached; a guest whom the desk checks in cannot yet.
  await house.write(amelia, 'Two towels, please', 'housekeeping');
  await house.cli('guest', 'check-in', '--name', 'Zoe Hart', '--room', '204');
  await house.cli('guest', 'check-in', '--name', 'Jo Okafor', '--room', '118', '--whatsapp', '+447700900456');
  const ana = await at('ana');
  await begin(ana);
  await ana.page.keyboard.type('204');
  await expect(guests(ana)).toHaveCount(2);
  await expect(guests(ana).first()).toContainText(/204\s*Amelia Hart.*Reached through Guests.*Open in Housekeeping/u);
  await expect(guests(ana).last()).toContainText(/204\s*Zoe Hart.*Cannot be reached.*No open conversation/u);
  await inspect(ana, 'new-conversation-guests');
  // Nobody is chosen: nothing is sent.
  await message(ana).fill('Your taxi is here');
  await message(ana).press('Control+Enter');
  await expect(ana.dialog.getByRole('alert')).toContainText('Several guests match');
  expect(await house.ask<{ results: [] }>('ana', '/chat/conversations/')).toMatchObject({ results: [] });
  await ana.page.keyboard.press('ArrowDown');
  await ana.page.keyboard.press('ArrowDown');
  await expect(guests(ana).last()).toHaveAttribute('aria-selected', 'true');
  await expect(ana.dialog.getByRole('note')).toContainText('Cannot reach this guest');
  await ana.page.keyboard.press('ArrowUp');
  await ana.page.keyboard.press('Enter');
  await expect(message(ana)).toBeFocused();
  await ana.page.keyboard.press('Control+Enter');
  await expect(ana.titled('Amelia Hart')).toBeVisible();
  await ana.hasState('Your taxi is here', 'Sent');
});

test('guests are found by name and by number', async ({ house, at }) => {
  await house.write(amelia, 'Two towels, please', 'housekeeping');
  const ana = await at('ana');
  await begin(ana);
  for (const query of ['amelia', '+44 7700 900123']) {
    await who(ana).fill(query);
    await expect(guests(ana)).toHaveCount(1);
    await expect(guests(ana)).toHaveAttribute('aria-selected', 'true');
  }
  await who(ana).fill('nobody');
  await expect(ana.dialog.getByRole('status')).toContainText('No guest found');
});

test('a conversation that is open already takes the typed text along as a draft', async ({ house, at }) => {
  await house.write(amelia, 'Two towels, please');
  const ana = await at('ana');
  await ana.open('204 Amelia Hart');
  await ana.box.fill('Good evening');
  await ana.page.keyboard.press('Escape');
  await begin(ana);
  await who(ana).fill('204');
  await message(ana).fill('Your taxi is here');
  await ana.dialog.getByRole('button', { name: 'Open it' }).click();
  await expect(ana.titled('Amelia Hart')).toBeVisible();
  await expect(ana.box).toHaveValue('Good evening\nYour taxi is here');
  // The text has moved: nobody else gets it.
  await ana.page.keyboard.press('Escape');
  await begin(ana);
  await expect(message(ana)).toHaveValue('');
  await expect(who(ana)).toHaveValue('');
  expect(await house.gateway.deliveries).toEqual([]);
});

test('a first message that was not sent comes back with its guest, and says so when another is chosen', async ({
  house,
  at,
}) => {
  for (const [name, room] of [
    ['Ms Quill', '712'],
    ['Ann Ray', '703'],
  ] as const) {
    await house.cli('guest', 'check-in', '--name', name, '--room', room);
  }
  const ana = await at('ana');
  const { keyboard } = ana.page;
  await begin(ana);
  await who(ana).fill('712');
  await expect(guests(ana)).toHaveAttribute('aria-selected', 'true');
  await message(ana).fill('Your parcel is here');
  await keyboard.press('Escape');
  await expect(ana.dialog).toHaveCount(0);

  await begin(ana);
  await expect(message(ana)).toHaveValue('Your parcel is here');
  await expect(who(ana)).toHaveValue('712');
  await expect(guests(ana)).toContainText('Ms Quill');
  await expect(guests(ana)).toHaveAttribute('aria-selected', 'true');
  const forWhom = ana.dialog.getByText('Written for 712 Ms Quill');
  await expect(forWhom).toHaveCount(0);
  // What was found last time is selected: typing looks for another guest.
  await keyboard.type('703');
  await expect(guests(ana)).toContainText('Ann Ray');
  await expect(forWhom).toBeVisible();
  await inspect(ana, 'written-for-another');
  await ana.dialog.getByRole('button', { name: 'Clear the message' }).click();
  await expect(message(ana)).toHaveValue('');
  await expect(message(ana)).toBeFocused();
  await expect(forWhom).toHaveCount(0);
  // What is sent does not come back.
  await keyboard.type('Your taxi is here');
  await keyboard.press('Control+Enter');
  await expect(ana.titled('Ann Ray')).toBeVisible();
  await keyboard.press('Escape');
  await begin(ana);
  await expect(message(ana)).toHaveValue('');
});

test('a guest with whom a colleague has begun meanwhile is not shown as without a conversation', async ({
  house,
  at,
}) => {
  await house.cli('guest', 'check-in', '--name', 'Ann Ray', '--room', '703');
  const ana = await at('ana');
  await begin(ana);
  await who(ana).fill('703');
  await expect(guests(ana)).toContainText('No open conversation');
  await house.ask('ben', '/chat/conversations/create/', { room_number: '703', department: 'reception' });
  await ana.dialog.getByRole('button', { name: 'Start' }).click();
  await expect(ana.dialog.getByRole('alert')).toContainText('already has an open conversation');
  await expect(guests(ana)).toContainText('Open in Reception');
  await expect(guests(ana)).not.toContainText('No open conversation');
});

test('the composer says before anything is typed that a guest cannot be reached', async ({ house, at }) => {
  await house.cli('guest', 'check-in', '--name', 'Zoe Hart', '--room', '204');
  const ana = await at('ana');
  await begin(ana);
  await who(ana).fill('204');
  await ana.dialog.getByRole('button', { name: 'Start' }).click();
  await expect(ana.titled('Zoe Hart')).toBeVisible();
  await expect(ana.box).toHaveValue('');
  await expect(ana.box).toHaveAccessibleDescription(/^Cannot reach this guest/u);
  await inspect(ana, 'cannot-be-reached');
  await ana.box.fill('x'.repeat(4_090));
  await expect(ana.box).toHaveAccessibleDescription(/ 6$/u);
  await ana.box.fill('x'.repeat(4_100));
  await expect(ana.send).toBeDisabled();
});

test('the composer and the form say that the gateway refuses replies', async ({ house, at }) => {
  house.gateway.status = 404;
  await house.write(amelia, 'Two towels, please');
  const ana = await at('ana');
  await ana.open('204 Amelia Hart');
  await ana.say('On our way');
  await house.gateway.delivery('On our way');
  await ana.page.reload();
  await ana.open('204 Amelia Hart');
  await expect(ana.box).toHaveAccessibleDescription(/Guests.* refuses replies \(404\)/u);
  await begin(ana);
  await who(ana).fill('204');
  await expect(guests(ana)).toContainText('refuses replies (404)');
});
