import { expect, it } from 'vitest';
import { withLineFeeds } from './lines';

it('shows every line break as one', () => {
  expect(withLineFeeds('a\rb\r\nc\nd\u2028e\u2029f\u0085g')).toBe('a\nb\nc\nd\ne\nf\ng');
  expect(withLineFeeds('a\n\nb\r\r\nc')).toBe('a\n\nb\n\nc');
});
