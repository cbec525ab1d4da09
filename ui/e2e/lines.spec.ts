/** What happens to a guest and to a conversation is seen at once, by everybody who has it on the screen. */
import { expect, inspect, test } from './stories';

const amelia = { name: 'Amelia Hart', room: '204', number: '+447700900123' };

test('a guest who moves, is renamed and leaves is shown so in the row, the header and the panel', async ({
  house,
  at,
}) => {
  const ana = await at('ana');
  const { conversation_id } = await house.write(amelia, 'Hello?');
  await ana.open('204 Amelia Hart');
  const { guest_info } = await house.ask<{ guest_info: { id: number } }>(
    'ana',
    `/chat/conversations/${conversation_id}/`,
  );
  const panel = ana.page.getByRole('complementary', { name: 'Guest' });
  const heading = ana.page.getByRole('heading', { level: 2, name: /^\d|^Amelia/u });

  await house.cli('guest', 'check-in', '--name', amelia.name, '--room', '611', '--whatsapp', amelia.number);
  await expect(ana.row('611 Amelia Hart')).toBeVisible();
  await expect(heading.first()).toHaveText(/^611/u);
  await expect(panel.getByText('611', { exact: true })).toBeVisible();

  await house.ask('ana', `/guests/${guest_info.id}/`, { name: 'Amelia Stone' }, 'PATCH');
  await expect(ana.row('611 Amelia Stone')).toBeVisible();
  await expect(panel.getByText('Amelia Stone', { exact: true })).toBeVisible();

  await house.cli('guest', 'check-out', '--room', '611');
  await expect(ana.row('Amelia Stone')).toBeVisible();
  await expect(panel.getByText('No room')).toBeVisible();
});

test('the log says who closed, reopened and transferred a conversation, live and when read again', async ({
  house,
  at,
}) => {
  const [ana, ben] = await Promise.all([at('ana'), at('ben')]);
  const { conversation_id } = await house.write(amelia, 'Hello?');
  await ben.open('204 Amelia Hart');
  await house.ask('ana', '/chat/conversations/close/', { conversation_id });
  await expect(ben.log.getByText(/Ana Silva\S? closed the conversation/u)).toBeVisible();
  await house.ask('ana', '/chat/conversations/reopen/', { conversation_id });
  await expect(ben.log.getByText(/Ana Silva\S? reopened the conversation/u)).toBeVisible();
  await ben.say('Welcome back');
  const body = { conversation_id, department: 'housekeeping', note: 'Two more towels' };
  await house.ask('ana', '/chat/conversations/transfer/', body);
  const moved = ben.log.getByText(/Ana Silva\S? transferred the conversation from Reception to Housekeeping/u);
  await expect(moved).toBeVisible();
  await expect(ben.log.getByText('Two more towels')).toBeVisible();
  await inspect(ben, 'log-lines');
  // No line is a message.
  await expect(ben.row('204 Amelia Hart')).toContainText('Welcome back');

  await ben.page.reload();
  await ben.isConnected();
  await ben.open('204 Amelia Hart');
  await expect(moved).toBeVisible();
  const order = await ben.log.innerText();
  for (const [before, after] of [
    ['Hello?', 'closed the'],
    ['closed the', 'reopened the'],
    ['reopened the', 'Welcome back'],
    ['Welcome back', 'transferred the'],
  ] as const) {
    expect(order.indexOf(before), `${before} before ${after}`).toBeLessThan(order.indexOf(after));
  }

  // Ana is not in that department: she finds it for a day, as it was, and can only read it.
  await house.write(amelia, 'Is somebody coming?', 'housekeeping');
  await ana.show('Transferred by me');
  await expect(ana.row('204 Amelia Hart')).toContainText('Welcome back');
  await ana.open('204 Amelia Hart');
  await expect(ana.text('Welcome back')).toBeVisible();
  await expect(ana.page.getByText(/^You transferred this conversation to Housekeeping/u)).toBeVisible();
  await expect(ana.text('Is somebody coming?')).toHaveCount(0);
  await expect(ana.close).toHaveCount(0);
  await inspect(ana, 'transferred-by-me');
  await ana.show('Open');
  await expect(ana.row('204 Amelia Hart')).toHaveCount(0);
  await ana.page.getByRole('searchbox', { name: 'Search conversations' }).fill('amelia');
  await expect(ana.row('204 Amelia Hart')).toContainText('Transferred');
});

test('what a later version of the server sends is shown or passed over, and counted', async ({ house, at }) => {
  const resumes: { last_seq: number | null }[] = [];
  const ana = await at('ana');
  await house.write(amelia, 'Hello?');
  await ana.open('204 Amelia Hart');
  const { results } = await house.ask<{ results: { id: number }[] }>('ana', '/chat/conversations/');
  const later = results[0]?.id ?? 0;
  await ana.page.routeWebSocket(/\/ws\/chat\//u, (client) => {
    const server = client.connectToServer();
    client.onMessage((message) => {
      const command = JSON.parse(String(message)) as { type: string; last_seq: number | null };
      if (command.type === 'resume') resumes.push(command);
      server.send(message);
    });
    server.onMessage((message) => {
      client.send(message);
      const frame = JSON.parse(String(message)) as { type: string; status?: string; seq?: number };
      if (frame.status !== 'resumed' || resumes.length > 1) return;
      const seq = frame.seq ?? 0;
      const message_of_later = {
        id: 1_000_000,
        conversation_id: later,
        sender_type: 'robot',
        sender_id: null,
        sender_name: 'Frontdesk 9',
        message_type: 'hologram',
        content: 'Shown by its content',
        created_at: new Date().toISOString(),
        is_read: false,
        client_id: null,
        department: 'reception',
        guest_info: { id: 1, name: 'Amelia Hart', room_number: '204' },
        delivery: null,
        channel: 'pigeon',
      };
      client.send(JSON.stringify({ type: 'message', seq: seq + 1, data: message_of_later }));
      client.send(JSON.stringify({ type: 'conversation_update', seq: seq + 2, data: { type: 'mood', data: {} } }));
      client.send(JSON.stringify({ type: 'knock', seq: seq + 3, data: { id: 1 } }));
      resumes.push({ last_seq: seq });
    });
  });
  await ana.page.reload();
  await ana.isConnected();
  await ana.show('Open');
  await ana.open('204 Amelia Hart');
  await expect(ana.text('Shown by its content')).toBeVisible();
  const known = resumes[1]?.last_seq ?? 0;
  house.wasDown = true;
  await ana.page.context().setOffline(true);
  await ana.page.context().setOffline(false);
  await expect.poll(() => resumes.at(2)?.last_seq).toBe(known + 3);
});
