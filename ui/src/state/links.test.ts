import { describe, expect, it } from 'vitest';
import { partsOf } from './links';

const links = (text: string) => partsOf(text).flatMap(({ href }) => href ?? []);

describe('web addresses in messages', () => {
  it('are links, and the rest stays as it was written', () => {
    const text = 'Here:\n https://example.com/map?q=1&z=2#here, and (http://192.168.1.20:8080/a_(b)).  Thanks';
    expect(links(text)).toEqual(['https://example.com/map?q=1&z=2#here', 'http://192.168.1.20:8080/a_(b)']);
    const parts = partsOf(text).map((part) => part.text);
    expect(parts.join('')).toBe(text);
  });

  it('are shown as where they lead', () => {
    for (const { text, href } of partsOf('HTTPS://Example.com/A and https://example.org')) {
      if (href !== null) expect(href).toBe(text);
    }
    expect(links('HTTPS://Example.com/A')).toEqual(['HTTPS://Example.com/A']);
  });

  it.each([
    'javascript:alert(1)',
    'javascript://example.com/%0aalert(1)',
    'data:text/html,<script>alert(1)</script>',
    'vbscript:x',
    'file:///etc/passwd',
    'ftp://example.com/',
    'mailto:a@example.com',
    'a@example.com',
    'www.example.com',
    'example.com',
    'https://',
    // The host is not the one that is read first.
    'https://bank.example@evil.example/',
    'https://user:secret@evil.example/',
    // A Cyrillic а.
    'https://ex\u0430mple.com/',
    // Read from right to left, or with something invisible in it.
    'https://example.com/\u202egpj.exe',
    'https://exam\u200bple.com/',
    'https://example.com:99999/',
  ])('%s is only text', (text) => {
    expect(links(text)).toEqual([]);
    expect(partsOf(`a ${text} b`).every(({ href }) => href === null)).toBe(true);
  });

  it.each([
    ['请看https://example.com/map。谢谢', 'https://example.com/map'],
    ['https://example.com。谢谢', 'https://example.com'],
    ['见https://example.com/a，再见', 'https://example.com/a'],
    ['https://example.com/a、https://example.org/b', 'https://example.com/a', 'https://example.org/b'],
    ['地図（https://example.com/地図）です', 'https://example.com/地図'],
    ['「https://example.com/a」', 'https://example.com/a'],
    ['انظر https://example.com/a، شكرا', 'https://example.com/a'],
    ['هل https://example.com/a؟', 'https://example.com/a'],
    ['यहाँ https://example.com/a।', 'https://example.com/a'],
    ['“https://example.com/a”', 'https://example.com/a'],
    ['‘https://example.com/a’ or «https://example.org/b»', 'https://example.com/a', 'https://example.org/b'],
    ['„https://example.com/a“', 'https://example.com/a'],
    ['https://example.com/a…', 'https://example.com/a'],
    ['https://example.com/a.”', 'https://example.com/a'],
    ['https://example.com/a?b=c！', 'https://example.com/a?b=c'],
    // A dash may stand inside a name.
    ['https://example.com/Michelson–Morley', 'https://example.com/Michelson–Morley'],
  ])('end before punctuation that is no part of an address: %s', (text, ...expected) => {
    expect(links(text)).toEqual(expected);
    const parts = partsOf(text).map((part) => part.text);
    expect(parts.join('')).toBe(text);
  });

  it('do not cut the text around them into more pieces than there are', () => {
    expect(partsOf('「a」「b」 https://example.com 「c」「d」')).toHaveLength(3);
  });

  it('lose nothing of the strangest text', () => {
    for (const piece of ['https://', 'http://a.', '://a.b/(', 'https://x.example/?']) {
      const text = piece.repeat(Math.floor(4096 / piece.length));
      const parts = partsOf(text).map((part) => part.text);
      expect(parts.join('')).toBe(text);
    }
  });
});
