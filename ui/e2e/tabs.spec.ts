/** Several tabs of one browser: one of them sends what waits, and one of them sounds. */
import type { Page } from '@playwright/test';
import { Desk } from './desk';
import { PASSWORD } from './house';
import { expect, test } from './stories';

const amelia = { name: 'Amelia Hart', room: '204', number: '+447700900123' };

/** Another tab, with what the browser copies into it. */
async function duplicate(page: Page): Promise<Desk> {
  const stored = await page.evaluate(() => JSON.stringify({ ...sessionStorage }));
  const other = new Desk(await page.context().newPage());
  await other.page.addInitScript((kept) => {
    for (const [key, value] of Object.entries(JSON.parse(kept) as Record<string, string>)) {
      sessionStorage.setItem(key, value);
    }
  }, stored);
  await other.page.goto('/');
  return other;
}

for (const withLocks of [true, false]) {
  const how = withLocks ? 'Web Locks' : 'no secure context';
  test(`a text that was withdrawn in one tab is sent by none (${how})`, async ({ house, browse }) => {
    const context = await browse();
    if (!withLocks) {
      await context.addInitScript(() => Object.defineProperty(navigator, 'locks', { value: undefined }));
    }
    await context.request.post('/auth/login/', {
      data: { username: 'ana', password: PASSWORD, cookie: true },
    });
    const { conversation_id } = await house.write(amelia, 'Are you there?');
    const first = new Desk(await context.newPage());
    first.page.on('dialog', (dialog) => void dialog.accept());
    await first.page.goto('/');
    await first.isConnected();
    await first.open('204 Amelia Hart');
    // The page still comes; the connection does not.
    await context.routeWebSocket('**/ws/chat/', (socket) => socket.close());
    house.wasDown = true;
    await context.setOffline(true);
    await expect(first.connection).toHaveText('Offline');
    await context.setOffline(false);
    await first.say('The door code is 4711');
    await first.say('One moment, please');
    await first.hasState('One moment, please', 'Waiting');

    const second = await duplicate(first.page);
    second.page.on('dialog', (dialog) => void dialog.accept());
    await second.open('204 Amelia Hart');
    await second.hasState('The door code is 4711', 'Waiting');
    await first.text('The door code is 4711').hover();
    await first.page.getByRole('button', { name: 'Withdraw' }).first().click();
    await expect(first.text('The door code is 4711')).toHaveCount(0);
    await expect(second.text('The door code is 4711')).toHaveCount(0);

    await context.routeWebSocket('**/ws/chat/', (socket) => void socket.connectToServer());
    await second.page.getByRole('button', { name: 'Try now' }).click();
    await second.isConnected();
    await first.isConnected();
    await first.hasState('One moment, please', 'Sent');
    await second.hasState('One moment, please', 'Sent');
    expect(await house.texts('ana', conversation_id)).toEqual(['Are you there?', 'One moment, please']);
  });
}

test('what is written in a second tab is sent, also after the first one is closed', async ({ house, at }) => {
  const first = await at('ana');
  const { conversation_id } = await house.write(amelia, 'Are you there?');
  const second = await duplicate(first.page);
  await second.isConnected();
  await second.open('204 Amelia Hart');
  await second.say('Yes');
  await second.hasState('Yes', 'Sent');
  await first.page.close();
  await second.say('I am');
  await second.hasState('I am', 'Sent');
  expect(await house.texts('ana', conversation_id)).toEqual(['Are you there?', 'Yes', 'I am']);
});

test('a full storage does not stop sending', async ({ house, at }) => {
  const ana = await at('ana');
  const { conversation_id } = await house.write(amelia, 'Are you there?');
  await ana.open('204 Amelia Hart');
  await ana.page.evaluate(() => {
    for (let size = 1_000_000; size >= 1; size = Math.floor(size / 2)) {
      try {
        for (let part = 0; ; part += 1) localStorage.setItem(`full.${size}.${part}`, 'x'.repeat(size));
      } catch {
        // Now with smaller ones.
      }
    }
  });
  await ana.say('Yes');
  await ana.hasState('Yes', 'Sent');
  await ana.say('I am');
  await ana.hasState('I am', 'Sent');
  expect(await house.texts('ana', conversation_id)).toEqual(['Are you there?', 'Yes', 'I am']);
});
