import { describe, expect, it } from 'vitest';
import cases from '../../../client-cases/preview.json';
import { preview, unsegmented } from './preview';

describe('a preview', () => {
  it.each(cases)('$name', ({ content, preview: expected }) => {
    expect(preview(content)).toBe(expected);
    expect([...expected].length).toBeLessThanOrEqual(100);
  });

  it('of one enormous grapheme is cut all the same', () => {
    const text = `e${'\u0301'.repeat(300)}`;
    expect([...preview(text)]).toHaveLength(100);
    expect(preview(text).endsWith('…')).toBe(true);
  });

  it('is cut at the same places without Intl.Segmenter', () => {
    for (const { name, content, preview: expected } of cases) {
      if (!expected.endsWith('…')) continue;
      expect(`${unsegmented(content, 99).trimEnd()}…`, name).toBe(expected);
    }
  });
});
