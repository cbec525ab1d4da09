/** What was typed and not sent is there again, only for the person and the hotel that it belongs to. */
import { expect, inspect, test, enter } from './stories';

const amelia = { name: 'Amelia Hart', room: '204', number: '+447700900123' };
const jo = { name: 'Jo Okafor', room: '118', number: '+447700900456' };

test('a draft survives the browser, and is deleted only after a question', async ({ house, at }) => {
  const ana = await at('ana');
  const { page } = ana;
  await house.write(amelia, 'Hello?');
  await house.write(jo, 'Is breakfast included?');
  await ana.open('204 Amelia Hart');
  await page.keyboard.type('A moment, ');
  await expect(ana.box).toHaveValue('A moment, ');
  // Another tab, as after the browser was started again: sessionStorage is empty there.
  await page.close();
  const again = await enter(await page.context().newPage());
  // The draft’s own words, not the guest’s.
  await expect(again.row('204 Amelia Hart')).toContainText(/Draft\s*A moment,/u);
  await expect(again.row('204 Amelia Hart')).not.toContainText('Hello?');
  await inspect(again, 'row-with-a-draft');
  await again.open('204 Amelia Hart');
  await expect(again.box).toHaveValue('A moment, ');

  await again.page.getByRole('button', { name: 'Account of Ana Silva' }).click();
  await again.page.getByRole('menuitem', { name: 'Sign out' }).click();
  const leave = again.dialog.getByRole('button', { name: 'Sign out and delete' });
  await expect(again.dialog.getByRole('list', { name: 'Drafts' })).toContainText('A moment,');
  await inspect(again, 'sign-out-with-a-draft');
  await again.dialog.getByRole('button', { name: 'Cancel' }).click();
  await expect(again.box).toHaveValue('A moment, ');
  await again.page.getByRole('button', { name: 'Account of Ana Silva' }).click();
  await again.page.getByRole('menuitem', { name: 'Sign out' }).click();
  await leave.click();
  await again.signIn('ana');
  await again.isConnected();
  await again.open('204 Amelia Hart');
  await expect(again.box).toHaveValue('');
  expect(await again.page.evaluate(() => Object.keys(localStorage).filter((key) => key.includes('draft')))).toEqual([]);
});

test('two tabs do not overwrite each other’s drafts, and show them to each other', async ({ house, at }) => {
  const first = await at('ana');
  await house.write(amelia, 'Hello?');
  await house.write(jo, 'Is breakfast included?');
  const second = await enter(await first.page.context().newPage());
  await first.open('204 Amelia Hart');
  await first.box.fill('to Amelia');
  await second.open('118 Jo Okafor');
  await second.box.fill('to Jo');
  await expect(first.row('118 Jo Okafor')).toContainText('Draft');
  await expect(second.row('204 Amelia Hart')).toContainText('Draft');
  await second.open('204 Amelia Hart');
  await expect(second.box).toHaveValue('to Amelia');
  // Sent in one, it is gone in the other.
  await second.box.press('Enter');
  await second.hasState('to Amelia', 'Sent');
  await first.open('118 Jo Okafor');
  await expect(first.box).toHaveValue('to Jo');
  await expect(first.row('204 Amelia Hart')).not.toContainText('Draft');
});

test('a draft appears for nobody else', async ({ house, at, browse }) => {
  const ana = await at('ana');
  await house.write(amelia, 'Hello?');
  await ana.open('204 Amelia Hart');
  await ana.box.fill('from Ana');
  const storage = await ana.page.context().storageState();
  const context = await browse({ storageState: { ...storage, cookies: [] } });
  const ben = await enter(await context.newPage(), false);
  await ben.signIn('ben');
  await ben.isConnected();
  await ben.open('204 Amelia Hart');
  await expect(ben.box).toHaveValue('');
});

test('with full storage, drafts say so once and sending goes on', async ({ house, at }) => {
  const ana = await at('ana');
  await house.write(amelia, 'Hello?');
  await ana.open('204 Amelia Hart');
  await ana.page.evaluate(() => {
    for (const size of [1_000_000, 10_000, 100, 1]) {
      for (let number = 0; ; number += 1) {
        try {
          localStorage.setItem(`filler ${size} ${number}`, 'x'.repeat(size));
        } catch {
          break;
        }
      }
    }
  });
  await ana.page.keyboard.type('On our way');
  const notice = ana.toasts.getByText('Drafts cannot be saved');
  await expect(notice).toHaveCount(1);
  await expect(ana.box).toHaveValue('On our way');
  await ana.page.keyboard.press('Enter');
  await ana.hasState('On our way', 'Sent');
  await ana.page.keyboard.type('at once');
  await expect(notice).toHaveCount(1);
});
