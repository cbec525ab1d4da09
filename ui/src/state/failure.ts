/** What went wrong, in words for the person at the desk. */
import type { Failure, Problem } from '../backend/types';
import { t } from '../i18n';
import { en } from '../i18n/en';

function isProblem(failure: unknown): failure is Problem {
  return typeof failure === 'object' && failure !== null && 'status' in failure && 'detail' in failure;
}

export function codeOf(failure: unknown): string {
  return (failure as Partial<Failure> | null)?.code ?? 'unknown';
}

export function problemOf(failure: unknown): Problem | null {
  return isProblem(failure) ? failure : null;
}

function isKnown(code: string): code is keyof typeof en.failure {
  return code in en.failure;
}

/** One sentence. Known codes come from the catalogue, everything else from the server. */
export function wordsFor(failure: unknown): string {
  const code = codeOf(failure);
  const problem = problemOf(failure);
  if (isKnown(code) && code !== 'unknown') return t(`failure.${code}`, { seconds: problem?.retry_after ?? 30 });
  if (problem) return problem.detail;
  const { message } = (failure ?? {}) as { message?: unknown };
  return typeof message === 'string' ? message : t('failure.unknown');
}

/** Whether it went wrong only for want of a connection. */
export function isOffline(failure: unknown): boolean {
  return ['offline', 'timeout', 'unreachable'].includes(codeOf(failure));
}

/** What is wrong with one field of a form. */
export function fieldError(failure: unknown, field: string): string | null {
  return problemOf(failure)?.errors?.find((each) => each.field === field)?.message ?? null;
}
