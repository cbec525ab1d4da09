/** JSON over HTTP to the server that served this page. */
import { t } from '../i18n';
import type { Method, Problem } from './types';

const ANSWER_WITHIN_MS = 15_000;

const unreachable = (): Problem => ({ status: 0, code: 'unreachable', title: '', detail: t('failure.unreachable') });

/** Rejects with a `Problem`, whatever went wrong. */
export async function requestJson<T>(method: Method, path: string, body?: unknown): Promise<T> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(path, {
      method,
      credentials: 'same-origin',
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
    });
    text = await response.text();
  } catch {
    throw unreachable();
  }
  const value = parse(text);
  if (response.ok) return value as T;
  const retryAfter = Number(response.headers.get('retry-after'));
  throw {
    ...unreachable(),
    code: 'http',
    title: response.statusText,
    detail: `${response.status} ${response.statusText}`,
    ...(value as Partial<Problem> | null),
    status: response.status,
    ...(retryAfter > 0 ? { retry_after: retryAfter } : {}),
  } satisfies Problem;
}

function parse(text: string): unknown {
  if (text === '') return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
