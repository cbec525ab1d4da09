import { afterEach, describe, expect, it, vi } from 'vitest';
import { timeZoneHere, timeZones } from './region';

afterEach(() => vi.restoreAllMocks());

describe('time zones', () => {
  it('have the names of today', () => {
    vi.spyOn(Intl, 'supportedValuesOf').mockReturnValue(['Asia/Calcutta', 'Europe/Kiev', 'Europe/London']);
    expect(timeZones('Europe/London')).toEqual([
      { value: 'Asia/Kolkata', label: 'Asia/Kolkata' },
      { value: 'Europe/Kyiv', label: 'Europe/Kyiv' },
      { value: 'Europe/London', label: 'Europe/London' },
      { value: 'UTC', label: 'UTC' },
    ]);
  });

  it('name the hotel’s own once, also where it has an older name', () => {
    vi.spyOn(Intl, 'supportedValuesOf').mockReturnValue(['Asia/Saigon']);
    expect(timeZones('Asia/Saigon')).toEqual([
      { value: 'Asia/Saigon', label: 'Asia/Ho Chi Minh' },
      { value: 'UTC', label: 'UTC' },
    ]);
  });

  it('keep an older name where the browser does not know the new one', () => {
    vi.spyOn(Intl, 'supportedValuesOf').mockReturnValue(['Europe/Kiev']);
    vi.spyOn(Intl, 'DateTimeFormat').mockImplementation(function () {
      throw new RangeError('Invalid time zone');
    });
    expect(timeZones('UTC').map(({ value }) => value)).toEqual(['Europe/Kiev', 'UTC']);
  });

  it('of this computer has the name of today', () => {
    const options = { timeZone: 'Asia/Katmandu' } as Intl.ResolvedDateTimeFormatOptions;
    vi.spyOn(Intl.DateTimeFormat.prototype, 'resolvedOptions').mockReturnValue(options);
    expect(timeZoneHere()).toBe('Asia/Kathmandu');
  });
});
