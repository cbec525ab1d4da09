/** JSON over HTTP to the server that served this page. */
import { t } from '../i18n';
import type { ExportProgress } from '../protocol/ExportProgress';
import { addressOf } from './address';
import { serverTime } from './server_time';
import type { Method, Problem } from './types';

const ANSWER_WITHIN_MS = 15_000;
/** A file may be large and the line slow. */
const FILE_WITHIN_MS = 10 * 60_000;
/** How often the server is asked whether a file is ready. */
const FILE_READY_EVERY_MS = 2_000;
/** So long the server keeps a file that it has written. */
const FILE_KEPT_MS = 60 * 60_000;

const unreachable = (): Problem => ({ status: 0, code: 'unreachable', title: '', detail: t('failure.unreachable') });

/** Rejects with a `Problem`, whatever went wrong. */
async function ask<T>(
  method: Method,
  path: string,
  body: unknown,
  read: (response: Response) => Promise<T>,
  { within = ANSWER_WITHIN_MS, headers = {} }: { within?: number; headers?: Record<string, string> } = {},
): Promise<T> {
  let response: Response;
  let text: string;
  const asked = performance.now();
  try {
    response = await fetch(addressOf(path), {
      method,
      credentials: 'same-origin',
      signal: AbortSignal.timeout(within),
      headers: body === undefined ? headers : { ...headers, 'content-type': 'application/json' },
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

interface File {
  name: string;
  content: Blob;
}

/** A file, under the name that the server gives it, however long it takes to be written; rejects with a `Problem`. */
export async function requestFile(path: string): Promise<File> {
  const options = { within: FILE_WITHIN_MS, headers: { prefer: 'respond-async' } };
  const read = async (response: Response): Promise<File | number> => {
    if (response.status === 202) return (parse(await response.text()) as ExportProgress).export_id;
    const name = /filename="([^"]+)"/u.exec(response.headers.get('content-disposition') ?? '')?.[1];
    return { name: name ?? '', content: await response.blob() };
  };
  const until = performance.now() + FILE_KEPT_MS;
  let file = await ask('GET', path, undefined, read, options);
  while (typeof file === 'number') {
    if (performance.now() > until) throw unreachable();
    await new Promise((resolve) => setTimeout(resolve, FILE_READY_EVERY_MS));
    file = await ask('GET', `/exports/${file}/`, undefined, read, options);
  }
  return file;
}

function parse(text: string): unknown {
  if (text === '') return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
