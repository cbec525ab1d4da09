/** A computer whose clock is wrong: times are the server's. */
import { Desk } from './desk';
import { PASSWORD } from './house';
import { expect, test } from './stories';

const MINUTE = 60_000;
const amelia = { name: 'Amelia Hart', room: '204', number: '+447700900123' };

for (const [how, ms] of [
  ['12 minutes ahead', 12 * MINUTE],
  ['a day ahead', 24 * 60 * MINUTE],
  ['a day behind', -24 * 60 * MINUTE],
] as const) {
  test(`waits and days are right on a computer whose clock is ${how}`, async ({ house, browse }) => {
    const context = await browse();
    await context.clock.install({ time: Date.now() + ms });
    await context.request.post('/auth/login/', {
      data: { username: 'ana', password: PASSWORD, cookie: true },
    });
    await house.write(amelia, 'Hello?');
    const ana = new Desk(await context.newPage());
    await ana.page.goto('/');
    await ana.isConnected();
    await expect(ana.row('204 Amelia Hart')).toContainText(/waiting for less than a minute|waiting for 1 minute/u);
    await expect(ana.row('204 Amelia Hart')).not.toContainText(/late|overdue/u);
    await ana.open('204 Amelia Hart');
    await expect(ana.log).toContainText('Today');
    await expect(ana.log).not.toContainText(/Yesterday|Tomorrow/u);
    await ana.say('Good evening');
    await ana.hasState('Good evening', 'Sent');
    const minutes = (at: Date) => at.getUTCHours() * 60 + at.getUTCMinutes();
    const shown = /Good evening\s*(\d{1,2}):(\d{2})/u.exec(await ana.log.innerText());
    const off = Math.abs(Number(shown?.[1]) * 60 + Number(shown?.[2]) - minutes(new Date()));
    expect(Math.min(off, 24 * 60 - off)).toBeLessThanOrEqual(1);
    await expect(ana.row('204 Amelia Hart')).toContainText(/\d{1,2}:\d{2}/u);
  });
}
