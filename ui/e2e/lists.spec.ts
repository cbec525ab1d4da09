/** Lists that do not move under the pointer, and searching. */
import type { Desk } from './desk';
import { expect, inspect, test } from './stories';

const amelia = { name: 'Amelia Hart', room: '204', number: '+447700900123' };
const jo = { name: 'Jo Okafor', room: '118', number: '+447700900456' };
const sinead = { name: 'Sinéad O’Connor', room: 'Chalet Edelweiss 12B', number: '+447700900789' };
const guests = [amelia, jo, sinead];

const newcomer = (index: number) => ({
  name: `Newcomer ${index}`,
  room: `90${index}`,
  number: `+44770090080${index}`,
});

/** The rows from top to bottom, by room. */
function rooms({ conversations }: Desk) {
  return conversations.locator('.room').allInnerTexts();
}

/** Moves the pointer onto a row, as a hand does. */
async function pointAt(desk: Desk, start: string) {
  const box = await desk.row(start).boundingBox();
  if (!box) throw new Error(`${start} is not in sight`);
  const at = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  await desk.page.mouse.move(at.x, at.y, { steps: 3 });
  return at;
}

for (const tab of ['Open', 'Waiting'] as const) {
  test(`the pointer rests on a row of ${tab} while others write, and a click opens that row`, async ({ house, at }) => {
    const ana = await at('ana');
    for (const guest of guests) await house.write(guest, 'Hello?');
    await ana.show(tab);
    await expect(ana.conversations.getByRole('listitem')).toHaveCount(3);
    const before = await rooms(ana);
    const third = before[2] ?? '';
    const point = await pointAt(ana, third);

    // Who is in the list writes again; one is answered elsewhere; two more come.
    for (const guest of [amelia, jo]) await house.write(guest, 'Is anybody there?');
    const { results } = await house.ask<{ results: { id: number; guest_info: { name: string } }[] }>(
      'ana',
      '/chat/conversations/',
    );
    const answered = results.find(({ guest_info }) => guest_info.name === amelia.name)?.id ?? 0;
    await house.ask('ana', '/chat/conversations/close/', { conversation_id: answered });
    for (const index of [1, 2]) await house.write(newcomer(index), 'Good morning');
    await expect(ana.row('118 Jo Okafor')).toContainText('Is anybody there?');
    if (tab === 'Open') await expect(ana.page.getByRole('button', { name: /^\d new above$/u })).toBeVisible();
    else await expect(ana.row('902 Newcomer 2')).toBeVisible();
    expect((await rooms(ana)).slice(0, 3)).toEqual(before);

    await ana.page.mouse.click(point.x, point.y);
    await expect(ana.page.getByRole('heading', { name: new RegExp(`^${third}`, 'u') })).toBeVisible();
    expect((await rooms(ana)).slice(0, 3)).toEqual(before);

    // The pointer leaves: the proper order again.
    await ana.page.mouse.move(900, 400, { steps: 3 });
    await expect(ana.row('204 Amelia Hart')).toHaveCount(0);
    await expect(ana.page.getByRole('button', { name: /new above$/u })).toHaveCount(0);
    if (tab === 'Open') expect((await rooms(ana)).slice(0, 2)).toEqual(['902', '901']);
  });
}

test('what is new above is counted, and shown when one asks for it', async ({ house, at }) => {
  const ana = await at('ana');
  for (const guest of guests) await house.write(guest, 'Hello?');
  await ana.show('Open');
  await expect(ana.conversations.getByRole('listitem')).toHaveCount(3);
  await pointAt(ana, '118 Jo Okafor');
  for (const index of [1, 2]) await house.write(newcomer(index), 'Good morning');
  const above = ana.page.getByRole('button', { name: '2 new above', exact: true });
  await expect(above).toBeVisible();
  await inspect(ana, 'list-new-above');
  await above.click();
  await expect(ana.row('902 Newcomer 2')).toBeVisible();
  expect((await rooms(ana)).slice(0, 2)).toEqual(['902', '901']);
});

test('the arrow keys reach the rows that were seen, while others write', async ({ house, at }) => {
  const ana = await at('ana');
  for (const guest of guests) await house.write(guest, 'Hello?');
  await ana.show('Open');
  await expect(ana.conversations.getByRole('listitem')).toHaveCount(3);
  const before = await rooms(ana);
  await ana.conversations.getByRole('button').first().focus();
  await ana.page.keyboard.press('ArrowDown');
  await house.write(newcomer(1), 'Good morning');
  await expect(ana.page.getByRole('button', { name: '1 new above' })).toBeVisible();
  await ana.page.keyboard.press('ArrowDown');
  expect(await rooms(ana)).toEqual(before);
  await ana.page.keyboard.press('Enter');
  await expect(ana.page.getByRole('heading', { name: new RegExp(`^${before[2]}`, 'u') })).toBeVisible();
});

test('a search finds words in any order and says why, and keeps still while others write', async ({ house, at }) => {
  const ana = await at('ana');
  for (const guest of guests) await house.write(guest, 'Hello?');
  const box = ana.page.getByRole('searchbox', { name: 'Search conversations' });
  const marks = ana.conversations.locator('mark');

  await box.fill('amelia 204');
  await expect(marks).toHaveText(['204', 'Amelia']);
  for (const query of ['oconnor', "o'connor"]) {
    await box.fill(query);
    await expect(marks).toHaveText(['O’Connor']);
  }
  await box.fill('edelweiss');
  await expect(marks).toHaveText(['Edelweiss']);
  await box.fill('900456');
  await expect(ana.row('118 Jo Okafor').locator('mark')).toHaveText(['900456']);
  await inspect(ana, 'search-number');

  await box.fill('0');
  await expect(ana.conversations.getByRole('listitem')).toHaveCount(3);
  const before = await rooms(ana);
  // One of the results writes, and a guest whom nobody looked for.
  await house.write(sinead, 'And a blanket, please');
  await house.write({ name: 'Zoe', room: 'Attic', number: '+4915550000000'.replace(/0/gu, '5') }, 'Water is coming in');
  await expect(ana.row('Attic Zoe')).toBeVisible();
  expect(await rooms(ana)).toEqual(['Attic', ...before]);
  // It is no result, and says why it stands there.
  await expect(ana.row('Attic Zoe')).toContainText('Just wrote');
  await expect(ana.conversations.getByText('Just wrote')).toHaveCount(1);
  await inspect(ana, 'search-just-wrote');
  const point = await pointAt(ana, '118 Jo Okafor');
  await house.write(newcomer(1), 'Good morning');
  await expect(ana.page.getByRole('button', { name: '1 new above' })).toBeVisible();
  // A row that has just moved takes no click.
  await expect(async () => {
    await ana.page.mouse.click(point.x, point.y);
    await expect(ana.titled('Jo Okafor')).toBeVisible({ timeout: 500 });
  }).toPass();

  await box.press('Escape');
  await expect(box).toHaveValue('');
  await expect(ana.page.getByRole('tab', { name: /^Waiting/u })).toBeVisible();
});
