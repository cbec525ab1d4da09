import { expect, test } from 'vitest';
import type { Backend } from '../backend/types';
import { ServerHealth } from './server_health.svelte';

/** A backend that answers each request with the next of these; an `Error`'s cause is what it rejects with. */
function answering(...answers: unknown[]): { backend: Backend; asked: string[] } {
  const asked: string[] = [];
  const request = (method: string, path: string) => {
    asked.push(`${method} ${path}`);
    const answer = answers.shift();
    return answer instanceof Error ? Promise.reject(answer.cause) : Promise.resolve(answer);
  };
  return { backend: { request } as unknown as Backend, asked };
}

const refused = (status: number, code: string, detail: string) =>
  new Error('refused', { cause: { status, code, title: '', detail } });

test('why nothing is saved is known until something can be saved', async () => {
  const health = new ServerHealth(
    answering(refused(503, 'unavailable', 'The disk is full.'), refused(0, 'unreachable', 'No answer.'), {
      status: 'ok',
    }).backend,
  );
  await health.ask();
  expect(health.problem).toBe('The disk is full.');
  await health.ask();
  expect(health.problem, 'no answer says nothing new').toBe('The disk is full.');
  await health.ask();
  expect(health.problem).toBeNull();
});

test('a date that was confirmed is not asked about any more', async () => {
  const time = '2027-12-24T11:06:40.000Z';
  const { backend, asked } = answering({ status: 'ok', clock: 'jumped', time }, null, { status: 'ok' });
  const health = new ServerHealth(backend);
  await health.ask();
  expect(health.jumpedTo).toBe(time);
  await health.confirmDate();
  expect(health.jumpedTo).toBeNull();
  expect(asked).toEqual(['GET /readyz', 'POST /clock/confirm/', 'GET /readyz']);
});

test('a date that could not be confirmed stays in question', async () => {
  const time = '2027-12-24T11:06:40.000Z';
  const { backend } = answering(
    { status: 'ok', clock: 'jumped', time },
    refused(403, 'forbidden', 'This server has several hotels.'),
  );
  const health = new ServerHealth(backend);
  await health.ask();
  await expect(health.confirmDate()).rejects.toMatchObject({ code: 'forbidden' });
  expect(health.jumpedTo).toBe(time);
});
