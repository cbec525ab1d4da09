/** The whole way without a mouse. */
import type { CDPSession, Page } from '@playwright/test';
import type { Desk } from './desk';
import type { House } from './house';
import { expect, inspect, test } from './stories';

const amelia = { name: 'Amelia Hart', room: '204', number: '+447700900123' };
const jo = { name: 'Jo Okafor', room: '118', number: '+447700900456' };

/** Something has the focus, and one sees what. */
async function focusIsVisible(page: Page): Promise<void> {
  const shown = await page.evaluate(() => {
    const focused = document.activeElement;
    if (!focused || focused === document.body) return 'nothing has the focus';
    // A text box may leave the ring to the frame around it.
    for (let element: Element | null = focused; element; element = element.parentElement) {
      const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
      if (outlineStyle !== 'none' && parseFloat(outlineWidth) > 0) return 'visible';
      if (element.matches(':focus-within') && boxShadow !== 'none') return 'visible';
      if (element.getBoundingClientRect().height > 120) break;
    }
    return `no ring around ${focused.outerHTML.slice(0, 120)}`;
  });
  expect(shown).toBe('visible');
}

test('signs in, moves, opens, answers and closes by keys alone', async ({ house, at }) => {
  const ana = await at(null);
  const { keyboard } = ana.page;
  await expect(ana.username).toBeFocused();
  await focusIsVisible(ana.page);
  await keyboard.type('ana');
  await keyboard.press('Tab');
  await expect(ana.password).toBeFocused();
  await focusIsVisible(ana.page);
  await keyboard.type('correct horse battery');
  await keyboard.press('Enter');
  await ana.isConnected();

  await house.write(amelia, 'First');
  await house.write(jo, 'Second');
  await expect(ana.conversations.getByRole('listitem')).toHaveCount(2);
  await keyboard.press('0');
  await keyboard.press('ArrowDown');
  const focused = ana.conversations.getByRole('listitem').getByRole('button').and(ana.page.locator(':focus'));
  await expect(focused).toHaveAccessibleName(/^118 Jo Okafor/u);
  await focusIsVisible(ana.page);
  await keyboard.press('j');
  await expect(focused).toHaveAccessibleName(/^204 Amelia Hart/u);
  await keyboard.press('ArrowUp');
  await expect(focused).toHaveAccessibleName(/^118 Jo Okafor/u);
  await keyboard.press('Enter');
  await expect(ana.text('Second')).toBeVisible();
  await expect(ana.box).toBeFocused();
  await focusIsVisible(ana.page);

  await keyboard.type('At once');
  await keyboard.press('Shift+Enter');
  await keyboard.type('with pleasure');
  await keyboard.press('Enter');
  expect(await house.gateway.delivery('At once\nwith pleasure')).toMatchObject({ sender_name: 'Ana Silva' });
  await expect(ana.box).toBeFocused();

  await keyboard.press('Escape');
  await expect(focused).toHaveAccessibleName(/^118 Jo Okafor/u);
  await keyboard.press('r');
  await expect(ana.box).toBeFocused();
  await keyboard.press('Escape');
  await keyboard.press('e');
  await expect(ana.row('118 Jo Okafor')).toHaveCount(0);
  await focusIsVisible(ana.page);

  await keyboard.press('u');
  await expect(ana.text('First')).toBeVisible();
  await expect(ana.box).toBeFocused();
});

test('dialogs give the focus back to where it was', async ({ house, at }) => {
  const ana = await at('ana');
  const { keyboard } = ana.page;
  await house.write(amelia, 'Hello?');
  await expect(ana.row('204 Amelia Hart')).toBeVisible();
  await keyboard.press('ArrowDown');
  const row = ana.row('204 Amelia Hart').getByRole('button');
  await expect(row).toBeFocused();

  await keyboard.press('?');
  await expect(ana.page.getByRole('dialog', { name: 'Keyboard shortcuts' })).toBeVisible();
  await inspect(ana, 'help');
  await keyboard.press('Escape');
  await expect(ana.dialog).toHaveCount(0);
  await expect(row).toBeFocused();
  await focusIsVisible(ana.page);

  await keyboard.press('Control+k');
  await expect(ana.page.getByRole('combobox', { name: 'Commands' })).toBeFocused();
  await focusIsVisible(ana.page);
  await inspect(ana, 'commands');
  await keyboard.press('Escape');
  await expect(row).toBeFocused();

  await keyboard.press('Control+k');
  await keyboard.type('amelia');
  await keyboard.press('Enter');
  await expect(ana.text('Hello?')).toBeVisible();
  await expect(ana.box).toBeFocused();

  await keyboard.type('a draft');
  await keyboard.press('Control+k');
  // A command names the guest whom it acts on, and a name alone selects none.
  const option = (name: string) => ana.dialog.getByRole('option', { name });
  await expect(option('Close 204 Amelia Hart')).toBeVisible();
  await expect(option('Transfer 204 Amelia Hart to a department')).toBeVisible();
  await keyboard.type('amelia');
  await expect(ana.dialog.getByRole('option').first()).toHaveAccessibleName(/^204 Amelia Hart/u);
  await ana.dialog.getByRole('combobox').fill('close conv');
  await expect(option('Close 204 Amelia Hart')).toHaveAttribute('aria-selected', 'true');
  await inspect(ana, 'commands-for-a-guest');
  await keyboard.press('Escape');
  await expect(ana.box).toBeFocused();
  await expect(ana.box).toHaveValue('a draft');

  await keyboard.press('Escape');
  await keyboard.press('t');
  await expect(ana.page.getByRole('dialog', { name: 'Transfer conversation' })).toBeVisible();
  await keyboard.press('Escape');
  await expect(row).toBeFocused();
  await keyboard.press('/');
  await expect(ana.page.getByRole('searchbox', { name: 'Search conversations' })).toBeFocused();
  await focusIsVisible(ana.page);
});

/** A key as another keyboard layout or an input method sends it. */
async function sendKey(cdp: CDPSession, key: Record<string, unknown>): Promise<void> {
  await cdp.send('Input.dispatchKeyEvent', { type: 'keyDown', ...key } as never);
  await cdp.send('Input.dispatchKeyEvent', { ...key, type: 'keyUp', text: undefined } as never);
}

async function isActive(house: House, id: number): Promise<void> {
  expect(await house.ask('ana', `/chat/conversations/${id}/`)).toMatchObject({ status: 'active' });
}

/** Presses the mouse on a word of a message twice, as people do to mark it. */
async function doubleClick(desk: Desk, text: string): Promise<void> {
  await desk.text(text).dblclick();
  await expect.poll(() => desk.page.evaluate(() => String(getSelection()).trim())).not.toBe('');
}

test('a word of a message is double-clicked: what is typed then goes into the answer box', async ({ house, at }) => {
  const ana = await at('ana');
  const { keyboard } = ana.page;
  const { conversation_id } = await house.write(amelia, 'Is somebody there?');
  await ana.open('204 Amelia Hart');
  await expect(ana.box).toBeFocused();
  await doubleClick(ana, 'Is somebody there?');
  await expect(ana.box).not.toBeFocused();
  await keyboard.type('Yes, we are here', { delay: 30 });
  await expect(ana.box).toHaveValue('Yes, we are here');
  await isActive(house, conversation_id);

  // From a place that takes no keys, beginning with letters that are commands on a row.
  await ana.box.fill('');
  await ana.titled('Amelia Hart').click();
  await expect(ana.box).not.toBeFocused();
  await keyboard.type('every / time?', { delay: 30 });
  await expect(ana.box).toHaveValue('every / time?');
  await isActive(house, conversation_id);
});

test('on a button, link or tab, letters do nothing', async ({ house, at }) => {
  const ana = await at('ana');
  const { keyboard } = ana.page;
  const { conversation_id } = await house.write(amelia, 'See https://example.com/ please');
  await ana.open('204 Amelia Hart');
  const places = [
    ana.page.getByRole('tab', { name: 'Open' }),
    ana.page.getByRole('link', { name: 'https://example.com/' }),
    ana.page.getByRole('button', { name: 'Transfer to a department' }),
  ];
  for (const place of places) {
    await place.focus();
    await keyboard.type('eternity1/?');
    await expect(place).toBeFocused();
  }
  await expect(ana.box).toHaveValue('');
  await expect(ana.dialog).toHaveCount(0);
  await isActive(house, conversation_id);
});

test('on a tab, where the focus is while the list is empty, ? shows the keys', async ({ at }) => {
  const ana = await at('ana');
  await ana.page.getByRole('tab', { name: 'Open' }).focus();
  await ana.page.keyboard.press('?');
  await expect(ana.dialog.getByRole('heading', { name: 'Keyboard shortcuts' })).toBeVisible();
  await inspect(ana, 'keyboard-shortcuts');
});

test('the key never closes while text is selected or there is a draft; the button does', async ({ house, at }) => {
  const ana = await at('ana');
  const { keyboard } = ana.page;
  const { conversation_id } = await house.write(amelia, 'Is somebody there?');
  const row = ana.row('204 Amelia Hart').getByRole('button');
  await ana.open('204 Amelia Hart');
  await doubleClick(ana, 'Is somebody there?');
  await keyboard.press('Escape');
  await expect(row).toBeFocused();
  await keyboard.press('e');
  await expect(ana.toasts).toContainText('text is selected');
  await isActive(house, conversation_id);

  await keyboard.press('r');
  await keyboard.type('A moment');
  await keyboard.press('Escape');
  await expect(row).toBeFocused();
  await keyboard.press('e');
  await expect(ana.toasts).toContainText('there is a draft');
  await isActive(house, conversation_id);
  await ana.close.click();
  await expect(ana.page.getByRole('button', { name: 'Reopen' })).toBeVisible();
});

test('an Enter that ends a composition sends nothing', async ({ house, at }) => {
  await house.cli('guest', 'check-in', '--name', 'Amelia Hart', '--room', '204', '--whatsapp', amelia.number);
  const ana = await at('ana');
  const { page } = ana;
  const cdp = await page.context().newCDPSession(page);
  /** As WebKit sends it: the composition has ended, and only the key code says that an input method took the key. */
  const webkit = { key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 229, text: '\r' };
  const enter = { key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 13, text: '\r' };
  const { conversation_id } = await house.write(amelia, 'こんにちは');
  await ana.open('204 Amelia Hart');
  await expect(ana.box).toBeFocused();

  // As Chromium sends it: while it composes.
  await cdp.send('Input.imeSetComposition', { text: 'にほん', selectionStart: 3, selectionEnd: 3 });
  await sendKey(cdp, webkit);
  await cdp.send('Input.insertText', { text: '日本' });
  await sendKey(cdp, webkit);
  await expect(ana.box).toHaveValue(/日本/u);
  await isActive(house, conversation_id);
  expect(await house.texts('ana', conversation_id)).toEqual(['こんにちは']);

  // The search keeps the focus.
  const search = page.getByRole('searchbox', { name: 'Search conversations' });
  await search.fill('204');
  await sendKey(cdp, webkit);
  await expect(search).toBeFocused();
  await search.fill('');

  // The palette stays open.
  await page.keyboard.press('Control+k');
  await page.keyboard.type('Keyboard shortcuts');
  await sendKey(cdp, webkit);
  await expect(page.getByRole('combobox', { name: 'Commands' })).toBeFocused();
  await page.keyboard.press('Escape');

  // A form is not sent: its first box does not ask for a value that is missing.
  await page.getByRole('button', { name: 'New conversation' }).click();
  const room = ana.dialog.getByRole('combobox', { name: 'Room' });
  await room.fill('999');
  await sendKey(cdp, webkit);
  await expect(ana.dialog.getByRole('alert')).toHaveCount(0);
  await sendKey(cdp, enter);
  await expect(ana.dialog.getByRole('alert')).toBeVisible();
  await page.keyboard.press('Escape');

  // And the Enter after it sends.
  await ana.box.focus();
  await sendKey(cdp, enter);
  await expect.poll(() => house.texts('ana', conversation_id)).toHaveLength(2);
});

test('on a Russian keyboard the position of the key decides', async ({ house, at }) => {
  const ana = await at('ana');
  const { page } = ana;
  const cdp = await page.context().newCDPSession(page);
  await house.write(amelia, 'Hello?');
  await expect(ana.row('204 Amelia Hart')).toBeVisible();
  await sendKey(cdp, { key: 'л', code: 'KeyK', windowsVirtualKeyCode: 75, modifiers: 2 });
  await expect(page.getByRole('combobox', { name: 'Commands' })).toBeFocused();
  await page.keyboard.press('Escape');
  await page.keyboard.press('ArrowDown');
  await expect(ana.row('204 Amelia Hart').getByRole('button')).toBeFocused();
  await sendKey(cdp, { key: 'т', code: 'KeyN', windowsVirtualKeyCode: 78, text: 'т' });
  await expect(page.getByRole('dialog', { name: 'New conversation' })).toBeVisible();
});

test('u goes to the conversation that has waited longest', async ({ house, at }) => {
  const ana = await at('ana');
  const { keyboard } = ana.page;
  await house.write(amelia, 'First');
  await house.write(jo, 'Second');
  await house.write({ name: 'Kim Reyes', room: '301', number: '+447700900789' }, 'Third');
  await expect(ana.conversations.getByRole('listitem')).toHaveCount(3);
  await ana.show('Open');
  await keyboard.press('ArrowDown');
  await expect(ana.row('301 Kim Reyes').getByRole('button')).toBeFocused();
  await keyboard.press('u');
  await expect(ana.titled('Amelia Hart')).toBeVisible();
  await ana.say('Yes');
  await ana.hasState('Yes', 'Sent');
  await keyboard.press('Escape');
  await keyboard.press('u');
  await expect(ana.titled('Jo Okafor')).toBeVisible();
});

test('single-letter commands can be switched off', async ({ house, at }) => {
  const ana = await at('ana');
  const { keyboard } = ana.page;
  const { conversation_id } = await house.write(amelia, 'Hello?');
  const row = ana.row('204 Amelia Hart').getByRole('button');
  await ana.open('204 Amelia Hart');
  await ana.page.getByRole('button', { name: 'Keyboard shortcuts' }).click();
  const letters = ana.dialog.getByRole('checkbox', { name: 'Single-letter commands' });
  await letters.uncheck();
  await keyboard.press('Escape');
  await expect(ana.dialog).toHaveCount(0);
  await ana.box.focus();
  await keyboard.press('Escape');
  await expect(row).toBeFocused();
  await keyboard.type('eternal', { delay: 30 });
  await expect(ana.box).toHaveValue('eternal');
  await isActive(house, conversation_id);
  await expect(ana.dialog).toHaveCount(0);
});

test('Escape goes to the row of the open conversation, or to no row: letters act on no other guest', async ({
  house,
  at,
}) => {
  const ana = await at('ana');
  const { keyboard } = ana.page;
  const { conversation_id: first } = await house.write(amelia, 'First');
  const { conversation_id: second } = await house.write(jo, 'Second');
  await ana.open('118 Jo Okafor');
  await keyboard.press('Control+k');
  await keyboard.type('204');
  await keyboard.press('Enter');
  await expect(ana.titled('Amelia Hart')).toBeVisible();
  await expect(ana.box).toBeFocused();
  await keyboard.press('Escape');
  const focused = ana.conversations.getByRole('listitem').getByRole('button').and(ana.page.locator(':focus'));
  await expect(focused).toHaveAccessibleName(/^204 Amelia Hart/u);
  await keyboard.press('e');
  await expect(ana.page.getByRole('button', { name: 'Reopen' })).toBeVisible();
  expect(await house.ask('ana', `/chat/conversations/${second}/`)).toMatchObject({ status: 'active' });
  expect(await house.ask('ana', `/chat/conversations/${first}/`)).toMatchObject({ status: 'closed' });
});
