/** What a desk shows when something is wrong with the server: its clock has jumped, or it cannot save anything. */
import { Desk } from './desk';
import { expect, test } from './stories';

const jumped = { status: 'ok', clock: 'jumped', time: '2027-12-24T11:06:40.000Z' };

test('an admin confirms the date after the clock has jumped', async ({ house, browse }) => {
  await house.hire({ username: 'ada', name: 'Ada', departments: ['reception'], isAdmin: true });
  const context = await browse();
  let isConfirmed = false;
  await context.route('**/readyz', (route) => route.fulfill({ json: isConfirmed ? { status: 'ok' } : jumped }));
  await context.route('**/clock/confirm/', async (route) => {
    const answer = await route.fetch();
    expect(answer.status()).toBe(204);
    isConfirmed = true;
    await route.fulfill({ response: answer });
  });
  const ada = new Desk(await context.newPage());
  await ada.page.goto('/');
  await ada.signIn('ada');
  await ada.isConnected();
  const line = ada.page.getByRole('region', { name: 'Server clock' });
  await expect(line).toContainText('24');
  await expect(line).toContainText('2027');
  await line.getByRole('button', { name: 'Confirm this date' }).click();
  await expect(line).toBeHidden();
  await expect(ada.toasts).toContainText('Date confirmed.');
});

test('nobody else is asked about the date', async ({ browse }) => {
  const context = await browse();
  await context.route('**/readyz', (route) => route.fulfill({ json: jumped }));
  const asked = context.waitForEvent('response', (response) => response.url().endsWith('/readyz'));
  const ana = new Desk(await context.newPage());
  await ana.page.goto('/');
  await ana.signIn('ana');
  await ana.isConnected();
  await asked;
  await expect(ana.page.getByRole('region', { name: 'Server clock' })).toBeHidden();
});

test('every desk says why nothing can be saved, until it can', async ({ house, browse }) => {
  const context = await browse();
  const ana = new Desk(await context.newPage());
  await ana.page.goto('/');
  await ana.signIn('ana');
  await ana.isConnected();
  const back = await house.removeDatabase();
  const alert = ana.page.getByRole('alert').filter({ hasText: 'was removed or replaced' });
  await expect(alert).toBeVisible({ timeout: 30_000 });
  await back();
  await expect(alert).toBeHidden({ timeout: 30_000 });
});
