/** What went wrong, in words for the person at the desk. */
import type { Failure, Problem } from '../backend/types';
import { t } from '../i18n';

function isProblem(failure: unknown): failure is Problem {
  return typeof failure === 'object' && failure !== null && 'status' in failure && 'detail' in failure;
}

export function codeOf(failure: unknown): string {
  return (failure as Partial<Failure> | null)?.code ?? 'unknown';
}

export function problemOf(failure: unknown): Problem | null {
  return isProblem(failure) ? failure : null;
}

/** One sentence. Known codes come from the catalogue, everything else from the server. */
export function wordsFor(failure: unknown): string {
  switch (codeOf(failure)) {
    case 'timeout':
      return t('failure.timeout');
    case 'offline':
      return t('failure.offline');
    case 'unreachable':
      return t('failure.unreachable');
    case 'invalid_credentials':
      return t('failure.invalid_credentials');
    case 'invalid_code':
      return t('failure.invalid_code');
    case 'too_many_attempts':
      return t('failure.too_many_attempts', { seconds: problemOf(failure)?.retry_after ?? 30 });
    case 'conversation_closed':
      return t('failure.conversation_closed');
    case 'conversation_not_found':
      return t('failure.conversation_not_found');
    case 'access_denied':
      return t('failure.access_denied');
    case 'content_too_long':
      return t('failure.content_too_long');
    case 'rate_limited':
      return t('failure.rate_limited');
    case 'outbox_full':
      return t('failure.outbox_full');
    case 'already_sent':
      return t('failure.already_sent');
    case 'unavailable':
      return t('failure.unavailable');
  }
  if (isProblem(failure)) return failure.detail;
  const { message } = (failure ?? {}) as { message?: unknown };
  return typeof message === 'string' ? message : t('failure.unknown');
}

/** What is wrong with one field of a form. */
export function fieldError(failure: unknown, field: string): string | null {
  return problemOf(failure)?.errors?.find((each) => each.field === field)?.message ?? null;
}
