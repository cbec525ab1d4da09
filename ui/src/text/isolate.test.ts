import { describe, expect, it } from 'vitest';
import { startI18n, t } from '../i18n';
import { isolated } from './isolate';

describe('a name in a sentence', () => {
  it('stays as it is where it runs in the direction of the sentence', () => {
    for (const text of ['Amelia Hart', 'Łukasz Żółć', '田中 yuki', '204', '']) expect(isolated(text)).toBe(text);
  });

  it('is kept apart where it could turn the sentence', () => {
    expect(isolated('Amelia \u202eecila')).toBe('\u2068Amelia \u202eecila\u2069');
    expect(isolated('عمر')).toBe('\u2068عمر\u2069');
    expect(isolated('דנה')).toBe('\u2068דנה\u2069');
    // What would end the part early is left out.
    expect(isolated('a\u2069\u202eb')).toBe('\u2068a\u202eb\u2069');
    expect(isolated('\u2067a')).toBe('\u2068a\u2069');
    // A sentence of parts that are kept apart already.
    expect(isolated('\u2068a\u202e\u2069 · b')).toBe('\u2068\u2068a\u202e\u2069 · b\u2069');
  });

  it('is kept apart in every text of the catalogue', () => {
    startI18n();
    expect(t('erase.erased', { name: 'Amelia Hart' })).toBe('Amelia Hart was erased.');
    expect(t('erase.erased', { name: 'A\u202eB' })).toBe('\u2068A\u202eB\u2069 was erased.');
  });
});
