/** The page below a path of its own, as a proxy may serve it. */
import { Desk } from './desk';
import { expect, test } from './stories';

const amelia = { name: 'Amelia Hart', room: '204', number: '+447700900123' };

test.use({ options: ['--public-path', '/desk/'] });

for (const address of ['/desk/', '/desk', '/desk/somewhere/else']) {
  test(`everything works at ${address}`, async ({ house, browse }) => {
    await house.write(amelia, 'Hello?');
    const context = await browse();
    const ana = new Desk(await context.newPage());
    const files: string[] = [];
    ana.page.on('response', (response) => files.push(`${response.status()} ${new URL(response.url()).pathname}`));
    await ana.page.goto(address);
    await expect(ana.page).toHaveURL(`${house.url}/desk/`);
    await ana.signIn('ana');
    await ana.isConnected();
    await ana.open('204 Amelia Hart');
    await ana.say('Good evening');
    await ana.hasState('Good evening', 'Sent');
    await ana.page.reload();
    await ana.isConnected();
    // Whatever was asked for was found, and below the path.
    const manifest = await ana.page.locator('link[rel=manifest]').getAttribute('href');
    const icons = (await (await context.request.get(`/desk/${manifest}`)).json()) as { icons: { src: string }[] };
    for (const { src } of icons.icons) expect((await context.request.get(`/desk/${src}`)).status()).toBe(200);
    expect(
      files.filter((file) => !/^(200|303) \/desk(\/|$)/u.test(file) && !/^401 \/desk\/auth\/me\/$/u.test(file)),
    ).toEqual([]);
    const cookies = (await context.cookies()).map(({ name, path }) => `${name} ${path}`);
    expect(cookies.toSorted()).toEqual(['frontdesk_device /desk/auth/', 'frontdesk_session /desk/']);
  });
}
