import { beforeAll, describe, expect, it } from 'vitest';
import type { Problem } from '../backend/types';
import { startI18n } from '../i18n';
import { fieldError, wordsFor } from './failure';

const problem = (code: string, more: Partial<Problem> = {}): Problem => ({
  status: 422,
  code,
  title: 'Unprocessable Entity',
  detail: 'q: length is greater than 100',
  ...more,
});

const invalid = (field: string) =>
  problem('invalid_input', { errors: [{ field, message: 'does not match pattern /^[^\\s]+$/' }] });

beforeAll(startI18n);

describe('what went wrong', () => {
  it('is said in words, never in the program’s', () => {
    expect(wordsFor(invalid('q'))).toBe('A search can have up to 100 characters.');
    expect(wordsFor(invalid('something.new'))).toBe('The server did not accept this. Check what you entered.');
    expect(wordsFor(problem('guest_not_found'))).toBe('No guest is checked in to this room.');
    expect(wordsFor(problem('http', { status: 502, detail: '502 Bad Gateway' }))).not.toContain('502');
  });

  it('names the field, as the form means it', () => {
    expect(fieldError(invalid('username'), 'username')).toBe('Enter up to 64 characters, without spaces.');
    expect(fieldError(invalid('password'), 'password', 'current_password')).toBe('This is not your current password.');
    expect(fieldError(invalid('username'), 'password')).toBeNull();
    expect(fieldError(invalid('something.new'), 'something.new')).toBe(
      'The server did not accept this. Check what you entered.',
    );
  });

  it('says how long to wait', () => {
    expect(wordsFor(problem('too_many_attempts', { retry_after: 1 }))).toMatch(/in 1 second\.$/u);
    expect(wordsFor(problem('too_many_attempts', { retry_after: 14 }))).toMatch(/in 14 seconds\.$/u);
  });

  it('is what the server says when the catalogue has no word for it', () => {
    const detail = 'The setup token is wrong; the server printed it at its start';
    expect(wordsFor(problem('forbidden', { detail }))).toBe(detail);
  });
});
