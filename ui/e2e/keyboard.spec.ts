/** The whole way without a mouse. */
import type { Page } from '@playwright/test';
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
  await keyboard.press('j');
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
  await keyboard.press('j');
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
