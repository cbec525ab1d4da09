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

/** Seconds until another try is looked at; `null`: there is nothing to wait for. */
export function waitFor(failure: unknown): number | null {
  return codeOf(failure) === 'too_many_attempts' ? (problemOf(failure)?.retry_after ?? 30) : null;
}

type Code = Exclude<keyof typeof en.failure, `too_many_attempts_${string}`>;
const isKnown = (code: string): code is Code => Object.hasOwn(en.failure, code);
type Field = keyof typeof en.field;
const isField = (field: string): field is Field => Object.hasOwn(en.field, field);

/** One sentence. Known codes come from the catalogue, everything else from the server. */
export function wordsFor(failure: unknown): string {
  const seconds = waitFor(failure);
  if (seconds !== null) return t('failure.too_many_attempts', { count: seconds });
  const code = codeOf(failure);
  const problem = problemOf(failure);
  if (code === 'invalid_input') {
    const field = problem?.errors?.map((each) => each.field).find(isField);
    return field ? t(`field.${field}`) : t('failure.invalid_input');
  }
  // The desktop names the address and the cause.
  if (code === 'unreachable' && problem?.detail) return problem.detail;
  if (code !== 'unknown' && isKnown(code)) return t(`failure.${code}`);
  if (problem) return problem.detail;
  const { message } = (failure ?? {}) as { message?: unknown };
  return typeof message === 'string' ? message : t('failure.unknown');
}

/** Whether it went wrong only for want of a connection. */
export function isOffline(failure: unknown): boolean {
  return ['offline', 'timeout', 'unreachable'].includes(codeOf(failure));
}

/** Whether the server may have done what was asked: it did not answer, or not whether it was done. */
export function isOutcomeUnknown(failure: unknown): boolean {
  return isOffline(failure) || codeOf(failure) === 'http' || (problemOf(failure)?.status ?? 0) >= 500;
}

/**
 * What is wrong with one field of a form, in the catalogue's words; `as`: when the form means more by it than its name
 * says.
 */
export function fieldError(failure: unknown, field: string, as: string = field): string | null {
  if (!problemOf(failure)?.errors?.some((each) => each.field === field)) return null;
  return isField(as) ? t(`field.${as}`) : t('failure.invalid_input');
}
