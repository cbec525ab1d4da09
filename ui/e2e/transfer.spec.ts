/** Handing a conversation on, without a mouse, and taking it back. */
import { expect, inspect, test } from './stories';

const amelia = { name: 'Amelia Hart', room: '204', number: '+447700900123' };

test('by keyboard: the first department is selected, a letter selects the next, and a note goes along', async ({
  house,
  at,
}) => {
  await house.hire({ username: 'rae', name: 'Rae Moss', departments: ['restaurant'] });
  const [ana, rae] = [await at('ana'), await at('rae')];
  const { keyboard } = ana.page;
  const { conversation_id } = await house.write(amelia, 'A table for two, please');
  await ana.open('204 Amelia Hart');
  await keyboard.press('Escape');
  await keyboard.press('t');
  const choice = (name: string) => ana.dialog.getByRole('radio', { name: new RegExp(`^${name}`, 'u') });
  await expect(choice('Housekeeping')).toBeChecked();
  await expect(choice('Housekeeping')).toBeFocused();
  // Rae shares no department with Ana.
  await expect(choice('Restaurant')).toHaveAccessibleName('Restaurant Online: Rae Moss');
  await expect(choice('Management')).toHaveAccessibleName('Management Nobody online');
  await keyboard.press('r');
  await keyboard.press('r');
  await expect(choice('Restaurant')).toBeChecked();
  await expect(choice('Restaurant')).toBeFocused();
  await inspect(ana, 'transfer');
  await keyboard.press('Tab');
  const note = ana.dialog.getByRole('textbox', { name: 'Note (optional)' });
  await expect(note).toBeFocused();
  await keyboard.type('At eight, by the window');
  await keyboard.press('Control+Enter');
  await expect(ana.dialog).toHaveCount(0);
  await expect(ana.toasts).toContainText('Transferred to Restaurant');
  await expect(ana.row('204 Amelia Hart')).toHaveCount(0);
  await expect(rae.row('204 Amelia Hart')).toBeVisible();
  const page = await house.ask<{ lines: { kind: string; detail: unknown }[] }>(
    'rae',
    `/chat/conversations/${conversation_id}/messages/`,
  );
  expect(page.lines).toMatchObject([
    { kind: 'transferred', detail: { department: 'restaurant', note: 'At eight, by the window' } },
  ]);
});

test('a transfer is taken back for ten seconds, also from a department that is not mine', async ({ house, at }) => {
  await house.hire({ username: 'rae', name: 'Rae Moss', departments: ['restaurant'] });
  const [ana, rae] = [await at('ana'), await at('rae')];
  await house.write(amelia, 'A table for two, please');
  await ana.open('204 Amelia Hart');
  await ana.page.getByRole('button', { name: 'Transfer to a department' }).click();
  await ana.dialog.getByRole('radio', { name: /^Restaurant/u }).check();
  await ana.dialog.getByRole('button', { name: 'Transfer' }).click();
  await expect(rae.row('204 Amelia Hart')).toBeVisible();
  await expect(ana.row('204 Amelia Hart')).toHaveCount(0);
  await ana.toasts.getByRole('button', { name: 'Undo' }).click();
  await expect(ana.titled('Amelia Hart')).toBeVisible();
  await expect(ana.box).toBeEditable();
  await expect(ana.row('204 Amelia Hart')).toBeVisible();
  await expect(rae.row('204 Amelia Hart')).toHaveCount(0);
});

test('a transfer by a colleague meanwhile is said, and the note is kept', async ({ house, at }) => {
  const { conversation_id } = await house.write(amelia, 'My tap drips');
  const ben = await at('ben');
  await ben.open('204 Amelia Hart');
  const open = async () => {
    await ben.page.getByRole('button', { name: 'Transfer to a department' }).click();
    return ben.dialog.getByRole('textbox', { name: 'Note (optional)' });
  };
  const submit = ben.dialog.getByRole('button', { name: 'Transfer', exact: true });
  const move = (department: string) =>
    house.ask('ana', '/chat/conversations/transfer/', { conversation_id, department });

  const note = await open();
  await ben.dialog.getByRole('radio', { name: /^Housekeeping/u }).check();
  await note.fill('She is out until six');
  await expect(submit).toBeEnabled();
  await move('housekeeping');
  const alert = ben.dialog.getByRole('alert');
  await expect(alert).toContainText('somebody else has transferred this conversation to Housekeeping');
  await expect(alert).toContainText('Your note was not sent.');
  await expect(ben.dialog.getByRole('radio', { name: /^Housekeeping/u })).toHaveCount(0);
  await expect(submit).toBeDisabled();
  await expect(note).toHaveValue('She is out until six');
  await inspect(ben, 'transferred-meanwhile');

  // Another department can still be chosen, and the text comes back with the dialog.
  await ben.page.keyboard.press('Escape');
  await expect(await open()).toHaveValue('She is out until six');
  await ben.dialog.getByRole('radio', { name: /^Restaurant/u }).check();
  await expect(submit).toBeEnabled();
});

test('a note that came too late, as a colleague had transferred the conversation to the same place, is kept', async ({
  house,
  at,
}) => {
  const { conversation_id } = await house.write(amelia, 'My tap drips');
  const ben = await at('ben');
  await ben.open('204 Amelia Hart');
  await ben.page.getByRole('button', { name: 'Transfer to a department' }).click();
  await ben.dialog.getByRole('radio', { name: /^Housekeeping/u }).check();
  const note = ben.dialog.getByRole('textbox', { name: 'Note (optional)' });
  await note.fill('She is out until six');
  // Ben's page does not know of it yet.
  await ben.page.route('**/chat/conversations/transfer/', async (route) => {
    await house.ask('ana', '/chat/conversations/transfer/', { conversation_id, department: 'housekeeping' });
    await route.continue();
  });
  await ben.dialog.getByRole('button', { name: 'Transfer', exact: true }).click();
  await expect(ben.dialog.getByRole('alert')).toContainText('Your note was not sent.');
  await expect(note).toHaveValue('She is out until six');
  await expect(ben.toasts.getByText('Transferred to Housekeeping')).toHaveCount(0);
});

test('after a reload, what was transferred away is said to be elsewhere, not to be gone', async ({ house, at }) => {
  const { conversation_id } = await house.write(amelia, 'A table for two, please');
  const ben = await at('ben');
  await ben.open('204 Amelia Hart');
  await house.ask('ana', '/chat/conversations/transfer/', { conversation_id, department: 'restaurant' });
  await expect(ben.page.getByText('Transferred to Restaurant')).toBeVisible();
  await ben.page.reload();
  await ben.isConnected();
  await expect(ben.page.getByText('This conversation is not in your departments')).toBeVisible();
  await expect(ben.page.getByText('no longer exists')).toHaveCount(0);
  await inspect(ben, 'not-in-your-departments');
});

test('a transfer that somebody has answered cannot be taken back', async ({ house, at }) => {
  await house.hire({ username: 'rae', name: 'Rae Moss', departments: ['restaurant'] });
  const [ana, rae] = [await at('ana'), await at('rae')];
  await house.write(amelia, 'A table for two, please');
  await ana.open('204 Amelia Hart');
  await ana.page.getByRole('button', { name: 'Transfer to a department' }).click();
  await ana.dialog.getByRole('radio', { name: /^Restaurant/u }).check();
  await ana.dialog.getByRole('button', { name: 'Transfer' }).click();
  const undo = ana.toasts.getByRole('button', { name: 'Undo' });
  await expect(undo).toBeVisible();
  await rae.open('204 Amelia Hart');
  await rae.say('With pleasure');
  await rae.hasState('With pleasure', 'Sent');
  await undo.click();
  await expect(ana.toasts).toContainText('Could not undo the transfer');
});

test('what I transferred shows how far my answers had come then, or nothing', async ({ house, at }) => {
  const ana = await at('ana');
  await house.write(amelia, 'A table for two, please');
  await ana.open('204 Amelia Hart');
  for (const text of ['One moment', 'I will ask']) {
    await ana.say(text);
    await ana.hasState(text, 'Sent');
  }
  const { delivery_id: read } = await house.gateway.delivery('One moment');
  const { delivery_id: failed } = await house.gateway.delivery('I will ask');
  await house.report(read, 'read');
  await ana.hasState('One moment', 'Read');
  await ana.page.getByRole('button', { name: 'Transfer to a department' }).click();
  await ana.dialog.getByRole('radio', { name: /^Restaurant/u }).check();
  await ana.dialog.getByRole('button', { name: 'Transfer' }).click();
  await expect(ana.row('204 Amelia Hart')).toHaveCount(0);
  await house.report(failed, 'failed');
  await ana.show('Transferred by me');
  await ana.open('204 Amelia Hart');
  await ana.hasState('One moment', 'Read');
  await expect(ana.log).toContainText(/I will ask\s*\d{1,2}:\d{2}\s*Ana Silva transferred/u, { useInnerText: true });
  await expect(ana.log).not.toContainText('Not delivered');
  await inspect(ana, 'transferred-answers');
});
