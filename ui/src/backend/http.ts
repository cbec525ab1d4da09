/** JSON over HTTP to the server that served this page. */
import { t } from '../i18n';
import { addressOf } from './address';
import { serverTime } from './server_time';
import type { Method, Problem } from './types';

const ANSWER_WITHIN_MS = 15_000;

const unreachable = (): Problem => ({ status: 0, code: 'unreachable', title: '', detail: t('failure.unreachable') });

/** Rejects with a `Problem`, whatever went wrong. */
async function ask<T>(
  method: Method,
  path: string,
  body: unknown,
  read: (response: Response) => Promise<T>,
): Promise<T> {
  let response: Response;
  let text: string;
  const asked = performance.now();
  try {
    response = await fetch(addressOf(path), {
      method,
      credentials: 'same-origin',
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
    });
    serverTime.fromHeader(response.headers.get('date'), performance.now() - asked);
    if (response.ok) return await read(response);
    text = await response.text();
  } catch {
    throw unreachable();
  }
  const retryAfter = Number(response.headers.get('retry-after'));
  throw {
    ...unreachable(),
    code: 'http',
    title: response.statusText,
    detail: `${response.status} ${response.statusText}`,
    ...(parse(text) as Partial<Problem> | null),
    status: response.status,
    ...(retryAfter > 0 ? { retry_after: retryAfter } : {}),
  } satisfies Problem;
}

/** JSON; rejects with a `Problem`. */
export function requestJson<T>(method: Method, path: string, body?: unknown): Promise<T> {
  return ask(method, path, body, async (response) => parse(await response.text()) as T);
}

/** A file, under the name that the server gives it; rejects with a `Problem`. */
export function requestFile(path: string): Promise<{ name: string; content: Blob }> {
  return ask('GET', path, undefined, async (response) => {
    const name = /filename="([^"]+)"/u.exec(response.headers.get('content-disposition') ?? '')?.[1];
    return { name: name ?? '', content: await response.blob() };
  });
}

function parse(text: string): unknown {
  if (text === '') return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
