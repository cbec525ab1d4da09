/** A guest's earlier conversations, and what was read on another device. */
import type { Desk } from './desk';
import { enter, expect, inspect, test } from './stories';

const amelia = { name: 'Amelia Hart', room: '204', number: '+447700900123' };
const jo = { name: 'Jo Okafor', room: '118', number: '+447700900456' };

/** The conversations that the panel lists. */
const others = ({ page }: Desk) => page.getByRole('complementary', { name: 'Guest' }).locator('.earlier button');

test('scrolling up continues into the guest’s earlier conversations, and the panel’s list is current', async ({
  house,
  at,
}) => {
  const ana = await at('ana');
  // Three stays in touch, two of them over; long enough to scroll.
  for (const topic of ['Breakfast', 'Taxi', 'Pillows']) {
    const { conversation_id } = await house.write(amelia, `${topic}: the first question`);
    for (let index = 1; index <= 12; index += 1) await house.write(amelia, `${topic}: line ${index}`);
    if (topic !== 'Pillows') await house.ask('ana', '/chat/conversations/close/', { conversation_id });
  }
  await ana.open('204 Amelia Hart');
  await expect(ana.text('Pillows: line 12')).toBeVisible();
  await expect(ana.page.getByRole('heading', { name: 'Other conversations (2)' })).toBeVisible();
  await expect(others(ana)).toHaveCount(2);
  await inspect(ana, 'thread-with-panel');

  // Up, with the wheel, until the oldest message of all.
  await ana.log.hover();
  await expect(async () => {
    await ana.page.mouse.wheel(0, -600);
    await expect(ana.text('Breakfast: the first question')).toBeVisible({ timeout: 200 });
  }).toPass();
  await expect(ana.log.getByText(/^Earlier conversation · Reception · Today$/u).first()).toBeAttached();
  await inspect(ana, 'earlier-conversations');

  // The open one is closed and a new one begins: the list has changed by then.
  await ana.close.click();
  const { conversation_id } = await house.write(amelia, 'One more thing');
  await expect(others(ana)).toHaveCount(3);
  await ana.open('204 Amelia Hart');
  await expect(ana.text('One more thing')).toBeVisible();
  await expect(others(ana)).toHaveCount(3);
  await expect(others(ana).filter({ hasText: 'One more thing' })).toHaveCount(0);
  expect(await house.texts('ana', conversation_id)).toEqual(['One more thing']);

  // A short log does not scroll: a press leads on.
  await ana.log.getByRole('button', { name: /^Earlier conversation/u }).click();
  await expect(ana.text('Pillows: line 12')).toBeVisible();
  await expect(ana.text('One more thing')).toBeVisible();
});

test('a read mark on an older message leaves the later ones unread on the other device', async ({ house, at }) => {
  const ana = await at('ana');
  const first = await house.write(amelia, 'One');
  for (const text of ['Two', 'Three', 'Four']) await house.write(amelia, text);
  await expect(ana.row('204 Amelia Hart')).toHaveAccessibleName(/4 unread messages/u);

  // Another connection of the same person marks the first two.
  await ana.page.evaluate(
    ([conversation_id, message_id]) => {
      const phone = new WebSocket(`${location.origin.replace('http', 'ws')}/ws/chat/`);
      phone.onopen = () => phone.send(JSON.stringify({ type: 'mark_read', conversation_id, message_id }));
    },
    [first.conversation_id, first.message_id + 1],
  );
  await expect(ana.row('204 Amelia Hart')).toHaveAccessibleName(/2 unread messages/u);
  expect(await house.ask('ana', `/chat/conversations/${first.conversation_id}/`)).toMatchObject({ unread_count: 2 });
});

test('what a colleague has answered leaves the badge, and everything can be marked as read', async ({ house, at }) => {
  const [ana, ben] = await Promise.all([at('ana'), at('ben')]);
  for (const guest of [amelia, jo]) await house.write(guest, 'Hello?');
  await expect(ana.page).toHaveTitle(/^\(2\)/u);
  await ben.open('204 Amelia Hart');
  await ben.say('At once');
  await expect(ana.page).toHaveTitle(/^\(1\)/u);
  await ana.show('Open');
  await expect(ana.row('204 Amelia Hart')).toHaveAccessibleName(/1 unread message/u);

  await ana.page.getByRole('button', { name: 'Mark all read' }).click();
  await expect(ana.page.getByText('2 conversations marked as read')).toBeVisible();
  for (const start of ['204', '118']) await expect(ana.row(start)).not.toHaveAccessibleName(/unread/u);
  await expect(ana.page.getByRole('button', { name: 'Mark all read' })).toHaveCount(0);
  // Jo waits all the same.
  await expect(ana.row('118')).toHaveAccessibleName(/waiting/u);
  const again = await enter(await ana.page.context().newPage());
  await again.show('Open');
  await expect(again.row('118')).not.toHaveAccessibleName(/unread/u);
});
