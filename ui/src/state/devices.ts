/** What a session's program is called, out of what it said of itself. */
import { t } from '../i18n';

/** In this order: most browsers also say that they are others. */
const browsers = [
  [/\bEdg\w*\//u, 'Edge'],
  [/\bOPR\//u, 'Opera'],
  [/\b(Firefox|FxiOS)\//u, 'Firefox'],
  [/(Chrome|Chromium|CriOS)\//u, 'Chrome'],
  [/\bSafari\//u, 'Safari'],
] as const;

const systems = [
  [/\b(iPhone|iPad)\b/u, 'iOS'],
  [/\bAndroid\b/u, 'Android'],
  [/\bWindows\b/u, 'Windows'],
  [/\bMac OS X\b/u, 'macOS'],
  [/\b(Linux|X11)\b/u, 'Linux'],
] as const;

export function deviceName(userAgent: string): string {
  if (userAgent.startsWith('Frontdesk/')) return t('devices.app');
  const named = (known: typeof browsers | typeof systems) => known.find(([sign]) => sign.test(userAgent))?.[1];
  const [browser, system] = [named(browsers), named(systems)];
  if (browser !== undefined && system !== undefined) return t('devices.browser', { browser, system });
  return browser ?? (userAgent.trim() === '' ? t('devices.unknown') : userAgent);
}
