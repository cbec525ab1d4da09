/** No click and no key acts on a guest other than the one who was seen. */
import { devices } from '@playwright/test';
import { expect, inspect, test } from './stories';

const amelia = { name: 'Amelia Hart', room: '204', number: '+447700900123' };
const jo = { name: 'Jo Okafor', room: '206', number: '+447700900456' };
const cy = { name: 'Cy Third', room: '207', number: '+447700900789' };
// Every story opens a browser of its own.
const { userAgent, viewport, deviceScaleFactor, isMobile, hasTouch } = devices['Pixel 7'];
const pixel = { userAgent, viewport, deviceScaleFactor, isMobile, hasTouch };

test('a command key that is pressed twice closes one conversation', async ({ house, at }) => {
  const { conversation_id: first } = await house.write(amelia, 'First');
  const { conversation_id: second } = await house.write(jo, 'Second');
  const ana = await at('ana');
  const { keyboard } = ana.page;
  await expect(ana.row('206 Jo Okafor')).toBeVisible();
  await keyboard.press('ArrowDown');
  await expect(ana.row('204 Amelia Hart').getByRole('button')).toBeFocused();
  await keyboard.press('e');
  // The next row has the focus now.
  await expect(ana.row('206 Jo Okafor').getByRole('button')).toBeFocused();
  await keyboard.press('e');
  await expect.poll(() => house.ask('ana', `/chat/conversations/${first}/`)).toMatchObject({ status: 'closed' });
  expect(await house.ask('ana', `/chat/conversations/${second}/`)).toMatchObject({ status: 'active' });
  await expect(ana.row('206 Jo Okafor').getByRole('button')).toBeFocused();
});

test('Escape out of an answered conversation leaves no row that a letter would act on', async ({ house, at }) => {
  const { conversation_id: other } = await house.write(jo, 'Still waiting');
  await house.write(amelia, 'A question');
  const ana = await at('ana');
  const { keyboard } = ana.page;
  await ana.open('204 Amelia Hart');
  await ana.say('An answer');
  await keyboard.press('Escape');
  await expect(ana.row('204 Amelia Hart').getByRole('button')).toBeFocused();
  await keyboard.press('Escape');
  await expect(ana.row('204 Amelia Hart')).toHaveCount(0);
  await keyboard.press('e');
  await expect(ana.page.getByRole('tab', { name: /Waiting/u })).toBeFocused();
  expect(await house.ask('ana', `/chat/conversations/${other}/`)).toMatchObject({ status: 'active' });
});

test('the palette keeps what is selected when results before it leave', async ({ house, at }) => {
  const ana = await at('ana');
  const { keyboard } = ana.page;
  const { conversation_id: first } = await house.write(amelia, 'First');
  await house.write(jo, 'Second');
  await house.write(cy, 'Third');
  await expect(ana.row('207 Cy Third')).toBeVisible();
  const transfer = (conversation_id: number) =>
    house.ask('ben', '/chat/conversations/transfer/', { conversation_id, department: 'housekeeping' });
  const selected = ana.page.getByRole('option', { selected: true });

  await keyboard.press('Control+k');
  // With nothing typed, Enter does nothing.
  await expect(selected).toHaveCount(0);
  await keyboard.type('20');
  await keyboard.press('ArrowDown');
  await expect(selected).toContainText('206 Jo Okafor');
  await transfer(first);
  await expect(ana.page.getByRole('option').first()).toContainText('206 Jo Okafor');
  await expect(selected).toContainText('206 Jo Okafor');
  await keyboard.press('Enter');
  await expect(ana.titled('Jo Okafor')).toBeVisible();
});

test('a second tap on the line of waiting guests presses nothing in the conversation that it opened', async ({
  house,
  at,
}) => {
  const { conversation_id } = await house.write(amelia, 'Water is coming through the ceiling');
  const ana = await at('ana', pixel);
  await ana.page.getByRole('button', { name: 'Turn sound on' }).first().tap();
  await expect(ana.page.getByRole('button', { name: 'Turn sound on' })).toHaveCount(0);
  const open = ana.page.getByRole('region', { name: 'Waiting guests' }).first().getByRole('button', { name: 'Open' });
  const box = await open.boundingBox();
  if (!box) throw new Error('the line is not on the screen');
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  // The line takes no tap in the moment in which it appears.
  await expect(async () => {
    await ana.page.touchscreen.tap(x, y);
    await ana.page.touchscreen.tap(x, y);
    await expect(ana.log).toBeVisible({ timeout: 300 });
  }).toPass();
  expect(await house.ask('ana', `/chat/conversations/${conversation_id}/`)).toMatchObject({ status: 'active' });
});

test('a notice that has just moved under the pointer takes no click', async ({ house, at }) => {
  const { conversation_id: first } = await house.write(amelia, 'First');
  const { conversation_id: second } = await house.write(jo, 'Second');
  const ana = await at('ana');
  for (const name of ['204 Amelia Hart', '206 Jo Okafor']) {
    await ana.open(name);
    await ana.close.click();
    await expect(ana.toasts).toContainText(`Conversation with ${name} closed`);
  }
  const toast = (name: string) => ana.toasts.getByText(`Conversation with ${name} closed`);
  await expect(ana.toasts.getByRole('button', { name: 'Undo' })).toHaveCount(2);
  // Jo's notice goes, and Amelia's has its place: within the same moment a click follows.
  const clicked = await ana.page.evaluate(async () => {
    const buttons = () => [...document.querySelectorAll<HTMLElement>('.toasts .action')];
    document.querySelectorAll<HTMLElement>('.toasts .dismiss')[1]?.click();
    while (buttons().length > 1) await new Promise(requestAnimationFrame);
    const [undo] = buttons();
    undo?.dispatchEvent(new PointerEvent('pointerdown', { bubbles: true }));
    undo?.dispatchEvent(new MouseEvent('click', { bubbles: true, cancelable: true, detail: 1 }));
    return undo !== undefined;
  });
  expect(clicked).toBe(true);
  await expect(toast('206 Jo Okafor')).toHaveCount(0);
  await expect(toast('204 Amelia Hart')).toBeVisible();
  for (const id of [first, second]) {
    expect(await house.ask('ana', `/chat/conversations/${id}/`)).toMatchObject({ status: 'closed' });
  }
  // A moment later it is what the person sees.
  await expect(async () => {
    if (await toast('204 Amelia Hart').isVisible()) {
      await ana.toasts.getByRole('button', { name: 'Undo' }).click({ timeout: 1_000 });
    }
    expect(await house.ask('ana', `/chat/conversations/${first}/`)).toMatchObject({ status: 'active' });
  }).toPass();
});

test('on a phone in landscape, Back leads from the conversation to the list', async ({ house, at }) => {
  const ana = await at('ana', { ...pixel, viewport: { width: 844, height: 390 } });
  await house.write(amelia, 'Hello');
  await ana.open('204 Amelia Hart');
  await ana.page.goBack();
  await expect(ana.page.getByText('No conversation open')).toBeVisible();
  await expect(ana.row('204 Amelia Hart')).toBeVisible();
});

test('what was typed for a conversation that left while the window was offline is kept until it comes back', async ({
  house,
  at,
}) => {
  const ben = await at('ben');
  const { conversation_id } = await house.write(amelia, 'Hello');
  await house.write(jo, 'Hello');
  await ben.open('204 Amelia Hart');
  await ben.box.fill('The taxi comes at eight');
  house.wasDown = true;
  await ben.page.context().setOffline(true);
  await expect(ben.connection).toHaveText('Offline');
  const move = (department: string) =>
    house.ask('ana', '/chat/conversations/transfer/', { conversation_id, department });
  await move('restaurant');
  // So much has happened that the lists are read anew.
  await ben.page.context().setOffline(false);
  await ben.isConnected();
  await expect(ben.page.getByText('This conversation no longer exists')).toHaveCount(0);
  await expect(ben.page.getByRole('textbox', { name: 'Your text was not sent' })).toHaveValue(
    'The taxi comes at eight',
  );
  await ben.open('206 Jo Okafor');
  await move('reception');
  await ben.open('204 Amelia Hart');
  await expect(ben.box).toHaveValue('The taxi comes at eight');
});

test('a click on its way to a row opens nothing when another row has just come to that place', async ({
  house,
  at,
}) => {
  const { conversation_id } = await house.write(amelia, 'First');
  await house.write(jo, 'Second');
  const ana = await at('ana');
  await expect(ana.row('206 Jo Okafor')).toBeVisible();
  const box = await ana.row('204 Amelia Hart').boundingBox();
  if (!box) throw new Error('the row is not on the screen');
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  // The page's clock stands still: what moves from now on has just moved.
  await ana.page.evaluate(() => {
    const now = performance.now();
    performance.now = () => now;
  });
  await house.ask('ben', '/chat/conversations/close/', { conversation_id });
  await expect(ana.row('204 Amelia Hart')).toHaveCount(0);
  await ana.page.mouse.move(x - 40, y, { steps: 3 });
  await ana.page.mouse.click(x, y);
  await expect(ana.page.getByText('No conversation open')).toBeVisible();
  await ana.page.evaluate(() => {
    const later = performance.now() + 1_000;
    performance.now = () => later;
  });
  await ana.page.mouse.click(x, y);
  await expect(ana.titled('Jo Okafor')).toBeVisible();
});

test('what is typed after opening a closed conversation acts on no other guest', async ({ house, at }) => {
  const { conversation_id: closed } = await house.write(amelia, 'First');
  const { conversation_id: other } = await house.write(jo, 'Second');
  await house.write(cy, 'Third');
  await house.ask('ben', '/chat/conversations/close/', { conversation_id: closed });
  const ana = await at('ana');
  const { keyboard } = ana.page;
  await ana.show('Closed');
  const row = ana.row('204 Amelia Hart').getByRole('button');
  for (const choose of [() => ana.open('204 Amelia Hart'), () => row.press('Enter')]) {
    await choose();
    await expect(ana.titled('Amelia Hart')).toBeVisible();
    await expect(ana.page.getByRole('button', { name: 'Reopen' })).toBeVisible();
    for (const words of ['until ten', 'keep it', 'just call', 'no, e']) await keyboard.type(words);
    await keyboard.press('Enter');
    await expect(ana.titled('Amelia Hart')).toBeVisible();
    await expect(ana.page.getByRole('dialog')).toHaveCount(0);
  }
  await inspect(ana, 'closed-conversation-typed-into');
  expect(await house.texts('ana', other)).toEqual(['Second']);
  expect(await house.ask('ana', `/chat/conversations/${other}/`)).toMatchObject({ status: 'active' });
});
