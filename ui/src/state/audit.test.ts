import { beforeAll, describe, expect, it } from 'vitest';
import { startI18n } from '../i18n';
import type { AuditEntry } from '../protocol/AuditEntry';
import { sentenceOf } from './audit';

const names = new Map([
  [1, 'Ana Silva'],
  [2, 'Raj Patel'],
]);

const said = (change: Partial<AuditEntry>) =>
  sentenceOf(
    {
      seq: 1,
      at: '2026-11-23T09:10:00.000Z',
      actor: 'staff',
      actor_id: 1,
      action: 'closed',
      subject: 'conversation',
      subject_id: 2,
      detail: null,
      hash: '',
      ...change,
    },
    names,
  );

beforeAll(startI18n);

describe('an entry of the audit log', () => {
  it('says who did what, by name where there is one', () => {
    expect(said({})).toBe('Ana Silva closed conversation 2');
    expect(said({ actor_id: 9 })).toBe('Staff member 9 closed conversation 2');
    expect(said({ subject: 'staff', action: 'created' })).toBe('Ana Silva added an account for Raj Patel');
    expect(said({ actor: 'gateway', actor_id: 3, subject: 'guest', action: 'created' })).toBe(
      'Gateway 3 added guest 2',
    );
    expect(said({ actor: 'command_line', actor_id: null, subject: 'property', action: 'backed_up' })).toBe(
      'The command line made a backup',
    );
  });

  it('says what changed, in words', () => {
    const staff = { subject: 'staff', action: 'updated' };
    expect(said({ ...staff, detail: 'disabled' })).toBe('Ana Silva disabled the account of Raj Patel');
    expect(said({ ...staff, detail: 'name,departments,is_admin' })).toBe(
      'Ana Silva changed the account of Raj Patel: name, departments, and admin',
    );
    expect(said({ ...staff, detail: '' })).toBe('Ana Silva changed the account of Raj Patel');
    const property = { subject: 'property', action: 'updated' };
    expect(said({ ...property, detail: 'retention_days=1, retention=anonymise, second_factor=admins' })).toBe(
      'Ana Silva changed the hotel settings: closed conversations are anonymised after 1 day and admins need two-step sign-in',
    );
    expect(said({ ...property, detail: 'retention_days=0, retention=delete, second_factor=optional, name' })).toBe(
      'Ana Silva changed the hotel settings: closed conversations are kept, two-step sign-in is optional, and the hotel was renamed',
    );
  });

  it('says something of what only a newer server does', () => {
    expect(said({ action: 'folded' })).toBe('Ana Silva: folded, conversation 2');
  });
});
