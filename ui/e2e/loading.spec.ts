/** The dialogs' code is loaded after the start. When that fails, the page says so and can try again. */
import { PASSWORD } from './house';
import { enter, expect, inspect, test } from './stories';

test('a dialog that cannot be loaded says so, and opens with Try again', async ({ browse }) => {
  const context = await browse();
  await context.request.post('/auth/login/', { data: { username: 'ana', password: PASSWORD, cookie: true } });
  await context.route('**/assets/Overlays-*', (route) => route.fulfill({ status: 503 }));
  const ana = await enter(await context.newPage());
  await ana.page.keyboard.press('?');
  await expect(ana.page.getByText('This could not be loaded from the server.')).toBeVisible();
  await inspect(ana, 'not-loaded');
  await context.unroute('**/assets/Overlays-*');
  await ana.page.getByRole('button', { name: 'Try again' }).click();
  await expect(ana.page.getByRole('dialog', { name: 'Keyboard shortcuts' })).toBeVisible();
});
