/** Nobody is missed: what a browser shows and plays when guests wait. */
import type { Page } from '@playwright/test';
import { expect, inspect, test } from './stories';

const amelia = { name: 'Amelia Hart', room: '204', number: '+447700900123' };
const jo = { name: 'Jo Okafor', room: '118', number: '+447700900124' };
const line = (page: Page) => page.getByRole('region', { name: 'Waiting guests' }).first();

test('a waiting guest is shown above the list and in the title, and opened from there', async ({ house, at }) => {
  const ana = await at('ana');
  await house.write(amelia, 'Water is coming through the ceiling');
  await house.write(jo, 'Hello?');
  await expect(line(ana.page)).toContainText('2 guests are waiting, the longest for 0:');
  await expect(line(ana.page)).toContainText('204 Amelia Hart');
  await expect(ana.page).toHaveTitle('(2) Frontdesk');
  await inspect(ana, 'alert-line');
  await line(ana.page).getByRole('button', { name: 'Open' }).click();
  await expect(ana.titled('Amelia Hart')).toBeVisible();
  await expect(line(ana.page)).toContainText('1 guest is waiting for');
  await expect(ana.page).toHaveTitle('(1) Frontdesk');
});
