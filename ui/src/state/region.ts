/** Time zones and countries to choose from, with the names that the person's language has for them. */
import { t } from '../i18n';
import { compareNames, language } from '../i18n/locale';

export interface Choice {
  value: string;
  label: string;
}

/** Names of UTC that browsers and computers use. */
const UTC = new Set(['UTC', 'UCT', 'Etc/UTC', 'Etc/UCT', 'Etc/GMT', 'GMT', 'Etc/Unknown', 'Universal', 'Zulu']);

/** Browsers go on using names that the time zone database has replaced since. */
const RENAMED: Readonly<Record<string, string>> = {
  'Africa/Asmera': 'Africa/Asmara',
  'America/Buenos_Aires': 'America/Argentina/Buenos_Aires',
  'America/Catamarca': 'America/Argentina/Catamarca',
  'America/Coral_Harbour': 'America/Atikokan',
  'America/Cordoba': 'America/Argentina/Cordoba',
  'America/Godthab': 'America/Nuuk',
  'America/Indianapolis': 'America/Indiana/Indianapolis',
  'America/Jujuy': 'America/Argentina/Jujuy',
  'America/Louisville': 'America/Kentucky/Louisville',
  'America/Mendoza': 'America/Argentina/Mendoza',
  'Asia/Calcutta': 'Asia/Kolkata',
  'Asia/Katmandu': 'Asia/Kathmandu',
  'Asia/Rangoon': 'Asia/Yangon',
  'Asia/Saigon': 'Asia/Ho_Chi_Minh',
  'Atlantic/Faeroe': 'Atlantic/Faroe',
  'Europe/Kiev': 'Europe/Kyiv',
  'Pacific/Enderbury': 'Pacific/Kanton',
  'Pacific/Ponape': 'Pacific/Pohnpei',
  'Pacific/Truk': 'Pacific/Chuuk',
};

/** ISO 3166-1 alpha-2. */
const COUNTRIES =
  'AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC ' +
  'CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD ' +
  'GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH ' +
  'KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW ' +
  'MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC ' +
  'SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY ' +
  'UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW';

/** The zone of this computer's clock. */
export function timeZoneHere(): string {
  const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  return isUtc(zone) ? 'UTC' : presentName(zone);
}

/** The zone's name of today, where this browser knows it. */
function presentName(zone: string): string {
  const name = RENAMED[zone];
  if (name === undefined) return zone;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions();
    return name;
  } catch {
    return zone;
  }
}

export function isUtc(zone: string): boolean {
  return UTC.has(zone);
}

/** Every zone that this browser knows, and the hotel's own, by the name that it has today. */
export function timeZones(present: string): Choice[] {
  const zones = new Set([...Intl.supportedValuesOf('timeZone'), 'UTC', present].map(presentName));
  const own = presentName(present);
  return [...zones].sort().map((zone) => ({ value: zone === own ? present : zone, label: zone.replaceAll('_', ' ') }));
}

/** No country first, then all of them by name. */
export function countries(): Choice[] {
  const names = new Intl.DisplayNames(language(), { type: 'region' });
  const all = COUNTRIES.split(' ').map((value) => ({ value, label: names.of(value) ?? value }));
  all.sort((a, b) => compareNames(a.label, b.label));
  return [{ value: '', label: t('rules.no_country') }, ...all];
}
