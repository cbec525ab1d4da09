/** Dates and times as the person reads them, in the property's zone. */
import { t } from '../i18n';
import { hourCycle, language } from '../i18n/locale';

const QUARTER_MS = 15 * 60_000;
const MAX_DAYS = 10_000;
const MINUTE_MS = 60_000;
const DAY_MINUTES = 24 * 60;

export class Formats {
  readonly #day: Intl.DateTimeFormat;
  readonly #time: Intl.DateTimeFormat;
  /** Always `14:30`: to be computed with. */
  readonly #clock: Intl.DateTimeFormat;
  readonly #weekday: Intl.DateTimeFormat;
  readonly #short: Intl.DateTimeFormat;
  readonly #long: Intl.DateTimeFormat;
  readonly #full: Intl.DateTimeFormat;
  readonly #relative: Intl.RelativeTimeFormat;
  /** By quarter of an hour: no zone's days begin within one. */
  readonly #days = new Map<number, string>();

  constructor(timeZone: string) {
    const zone = known(timeZone);
    const make = (options: Intl.DateTimeFormatOptions, locale = language()) =>
      new Intl.DateTimeFormat(locale, { timeZone: zone, ...options });
    const hours = hourCycle();
    // Swedish writes dates as ISO does: a key, not something to be read.
    this.#day = make({ year: 'numeric', month: '2-digit', day: '2-digit' }, 'sv');
    this.#time = make({ hour: '2-digit', minute: '2-digit', ...hours });
    this.#clock = make({ hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }, 'sv');
    this.#weekday = make({ weekday: 'short' });
    this.#short = make({ day: 'numeric', month: 'short' });
    this.#long = make({ weekday: 'long', day: 'numeric', month: 'long' });
    this.#full = make({ dateStyle: 'full', timeStyle: 'short', ...hours });
    this.#relative = new Intl.RelativeTimeFormat(language(), { numeric: 'auto' });
  }

  /** The calendar day, as a key. Asked for every message of a conversation, again and again. */
  dayOf = (at: string): string => {
    const quarter = Math.floor(Date.parse(at) / QUARTER_MS);
    let day = this.#days.get(quarter);
    if (day === undefined) {
      if (this.#days.size >= MAX_DAYS) this.#days.clear();
      day = this.#day.format(quarter * QUARTER_MS);
      this.#days.set(quarter, day);
    }
    return day;
  };

  time(at: string): string {
    return this.#time.format(Date.parse(at));
  }

  /** The next instant after `now` at which the property's clocks show this time (`14:30`). */
  next(time: string, now: number): number | null {
    const minutesOf = (hhmm: string) => {
      const [, hours, minutes] = /^(\d{1,2}):(\d{2})/u.exec(hhmm) ?? [];
      return hours === undefined ? null : Number(hours) * 60 + Number(minutes);
    };
    const wanted = minutesOf(time);
    const shown = minutesOf(this.#clock.format(now));
    if (wanted === null || shown === null) return null;
    const minutes = (wanted - shown + DAY_MINUTES) % DAY_MINUTES || DAY_MINUTES;
    return Math.floor(now / MINUTE_MS) * MINUTE_MS + minutes * MINUTE_MS;
  }

  /** Everything about an instant, for a tooltip. */
  full(at: string): string {
    return this.#full.format(Date.parse(at));
  }

  /** In a sentence: `today at 7:27`, `yesterday at 7:27`, `29 Nov at 7:27`. */
  when(at: string, now: number): string {
    const days = this.#daysAgo(at, now);
    const day = days === 0 || days === 1 ? this.#relative.format(-days, 'day') : this.date(at);
    return t('common.day_at', { day, time: this.time(at) });
  }

  date(at: string): string {
    return this.#short.format(Date.parse(at));
  }

  /** For a list: the time today, the weekday this week, else the date. */
  brief(at: string, now: number): string {
    const days = this.#daysAgo(at, now);
    if (days <= 0) return this.time(at);
    return days < 7 ? this.#weekday.format(Date.parse(at)) : this.date(at);
  }

  /** For a divider: today, yesterday, else the day. */
  day(at: string, now: number): string {
    const days = this.#daysAgo(at, now);
    if (days < 0 || days > 1) return this.#long.format(Date.parse(at));
    const word = this.#relative.format(-days, 'day');
    return word.charAt(0).toLocaleUpperCase(language()) + word.slice(1);
  }

  #daysAgo(at: string, now: number): number {
    const midnight = (day: string) => Date.parse(`${day}T00:00:00Z`);
    return Math.round((midnight(this.#day.format(now)) - midnight(this.dayOf(at))) / 86_400_000);
  }
}

/** A zone that this browser does not know, as it is older than the server: its times are shown in UTC. */
function known(timeZone: string): string {
  try {
    new Intl.DateTimeFormat('en', { timeZone });
    return timeZone;
  } catch {
    return 'UTC';
  }
}
