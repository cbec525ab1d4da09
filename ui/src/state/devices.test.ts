import { beforeAll, expect, test } from 'vitest';
import { startI18n } from '../i18n';
import { deviceName } from './devices';

beforeAll(startI18n);

test.each([
  ['Frontdesk/0.1.0', 'Frontdesk app'],
  [
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36 Edg/130.0',
    'Edge on Windows',
  ],
  ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'Firefox on Linux'],
  [
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1 (KHTML, like Gecko) Version/18.0 Safari/604.1',
    'Safari on iOS',
  ],
  ['Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36', 'Chrome on Android'],
  ['curl/8.1', 'curl/8.1'],
  ['', 'Unknown app'],
])('%s', (userAgent, name) => {
  expect(deviceName(userAgent)).toBe(name);
});
