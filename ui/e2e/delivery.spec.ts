/** Whether an answer has reached the guest: said truthfully on the message, the row and the panel. */
import { PASSWORD } from './house';
import { enter, expect, inspect, test } from './stories';
import { Time } from './time';

const amelia = { name: 'Amelia Hart', room: '204', number: '+447700900123' };
const jo = { name: 'Jo Okafor', room: '118', number: '+447700900456' };

test('what the gateway reports is shown: sent, delivered, read', async ({ house, at }) => {
  const ana = await at('ana');
  await house.write(amelia, 'Hello?');
  await ana.open('204 Amelia Hart');
  await ana.say('Good evening');
  await ana.hasState('Good evening', 'Sent');
  const { delivery_id } = await house.gateway.delivery('Good evening');
  await expect(ana.log.getByTitle('Accepted by Guests')).toBeVisible();
  await house.report(delivery_id, 'delivered');
  await ana.hasState('Good evening', 'Delivered');
  await house.report(delivery_id, 'read');
  await ana.hasState('Good evening', 'Read');
});

test('a refused answer says so at once, to every colleague, and can be tried again', async ({ house, at }) => {
  const [ana, ben] = await Promise.all([at('ana'), at('ben')]);
  house.gateway.status = 422;
  await house.write(amelia, 'Hello?');
  await ana.open('204 Amelia Hart');
  await ben.open('204 Amelia Hart');
  await ana.say('Good evening');
  await ana.hasState('Good evening', 'Not delivered');
  await expect(ana.log.getByText(/^The gateway refused it/u)).toBeVisible();
  for (const desk of [ana, ben]) await expect(desk.row('204 Amelia Hart')).toContainText('Not delivered');
  await expect(ben.log).toContainText('Not delivered');
  await inspect(ana, 'not-delivered');

  // It has its list, also after the page is loaded again.
  await ben.page.reload();
  await ben.isConnected();
  await ben.show('Not reached');
  await expect(ben.row('204 Amelia Hart')).toContainText('Not delivered');
  await inspect(ben, 'not-reached');

  house.gateway.status = 204;
  await ben.open('204 Amelia Hart');
  await ben.log.getByRole('button', { name: 'Try again' }).click();
  await ana.hasState('Good evening', 'Sent');
  await ben.show('Open');
  for (const desk of [ana, ben]) await expect(desk.row('204 Amelia Hart')).not.toContainText('Not delivered');
  await expect(ana.log.getByRole('button', { name: 'Try again' })).toHaveCount(0);
});

test('the row says after two minutes that an answer is not delivered yet', async ({ house, browse }) => {
  const context = await browse();
  const time = await Time.of(context);
  await context.request.post('/auth/login/', { data: { username: 'ana', password: PASSWORD, cookie: true } });
  const ana = await enter(await context.newPage());
  house.gateway.status = 503;
  await house.write(amelia, 'Hello?');
  await house.write(jo, 'Hello?');
  await ana.open('204 Amelia Hart');
  await ana.say('Good evening');
  await ana.hasState('Good evening', 'Sent');
  await ana.open('118 Jo Okafor');
  await expect(ana.row('204 Amelia Hart')).not.toContainText('Not delivered');
  await time.pass(ana.page, 125_000);
  await expect(ana.row('204 Amelia Hart')).toContainText('Not delivered yet');
});

test('the panel says that nothing reaches a guest', async ({ house, at }) => {
  const ana = await at('ana');
  await house.cli('guest', 'check-in', '--name', 'Cy Young', '--room', '301', '--whatsapp', '+447700900999');
  await house.ask('ana', '/chat/conversations/create/', { room_number: '301', department: 'reception' });
  await ana.show('Open');
  await ana.open('301 Cy Young');
  const panel = ana.page.getByRole('complementary', { name: 'Guest' });
  await expect(panel.getByText('Cannot reach this guest')).toBeVisible();
  await ana.say('Welcome');
  await ana.hasState('Welcome', 'Sent');
  // The guest writes through the gateway: there is a way, and the answer goes out.
  await house.write({ name: 'Cy Young', room: '301', number: '+447700900999' }, 'Hello?');
  expect(await house.gateway.delivery('Welcome')).toMatchObject({ sender_name: 'Ana Silva' });
  await expect(panel.getByText('Guests', { exact: true })).toBeVisible();
});
