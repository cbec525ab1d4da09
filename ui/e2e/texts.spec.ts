/** What is written, read, heard and found. */
import { expect, test } from './stories';

const amelia = { name: 'Amelia Hart', room: '204', number: '+447700900123' };

test('a web address opens outside, and nothing else is a link', async ({ house, at }) => {
  const ana = await at('ana');
  await house.write(
    amelia,
    `See ${house.url}/healthz or javascript:alert(1), www.example.com, https://a@evil.example/`,
  );
  await ana.open('204 Amelia Hart');
  const link = ana.log.getByRole('link');
  await expect(link).toHaveCount(1);
  await expect(link).toHaveText(`${house.url}/healthz`);
  await expect(link).toHaveAttribute('href', `${house.url}/healthz`);
  await expect(link).toHaveAttribute('rel', 'noopener noreferrer');
  const [opened] = await Promise.all([ana.page.waitForEvent('popup'), link.click()]);
  await opened.waitForURL(`${house.url}/healthz`);
  expect(await opened.evaluate(() => window.opener === null && document.referrer === '')).toBe(true);
  await opened.close();
});

test('what comes is announced once; what scrolling draws is not', async ({ house, at }) => {
  const ana = await at('ana');
  await house.write(amelia, 'Hello?');
  await ana.open('204 Amelia Hart');
  await expect(ana.log).toHaveAttribute('aria-live', 'off');
  await house.write(amelia, 'Is the pool open?');
  await expect(ana.page.locator('p[aria-live="polite"]', { hasText: 'Amelia Hart: Is the pool open?' })).toHaveCount(1);
});

test('a text that came too late is sent by opening the conversation again', async ({ house, at }) => {
  const [ana, ben] = await Promise.all([at('ana'), at('ben')]);
  const { conversation_id } = await house.write(amelia, 'Never mind');
  await ana.open('204 Amelia Hart');
  await ben.open('204 Amelia Hart');
  house.wasDown = true;
  await ana.page.context().setOffline(true);
  await expect(ana.connection).toHaveText('Offline');
  await ana.say('Here you are');
  await ana.hasState('Here you are', 'Waiting');
  await ben.close.click();
  await expect(ben.toasts).toContainText('Conversation with 204 Amelia Hart closed');
  await ana.page.context().setOffline(false);
  await ana.isConnected();
  await ana.hasState('Here you are', 'Not sent');
  await ana.log.getByRole('button', { name: 'Reopen and send' }).click();
  await ana.hasState('Here you are', 'Sent');
  expect(await house.texts('ana', conversation_id)).toEqual(['Never mind', 'Here you are']);
});

test('the commands find what only the server has', async ({ house, at }) => {
  const { conversation_id } = await house.write(amelia, 'Goodbye!');
  await house.ask('ana', '/chat/conversations/close/', { conversation_id });
  const ana = await at('ana');
  await ana.page.keyboard.press('Control+k');
  await ana.page.keyboard.type('amelia');
  const option = ana.page.getByRole('option', { name: /204 Amelia Hart/u });
  // Two of the same guest differ by when they were closed.
  await expect(option).toContainText(/Closed today at \d/u);
  await ana.page.keyboard.press('Enter');
  await expect(ana.text('Goodbye!')).toBeVisible();
});

test('a guest with the longest name has a past, too', async ({ house, at }) => {
  const guest = { name: `Wolfe${'-Ng'.repeat(60)}`, room: '777', number: '+447700900777' };
  const { conversation_id } = await house.write(guest, 'The first time');
  await house.ask('ana', '/chat/conversations/close/', { conversation_id });
  await house.write(guest, 'The second time');
  const ana = await at('ana');
  await ana.open('777 Wolfe');
  await expect(ana.page.getByRole('complementary', { name: 'Guest' }).getByText('The first time')).toBeVisible();
});
