/** Asks an admin once whether a hotel that is in UTC is really in the time zone of this computer. */
import { t } from '../i18n';
import type { PropertyPatch } from '../protocol/PropertyPatch';
import type { Inbox } from './inbox.svelte';
import { isUtc, timeZoneHere } from './region';

/** `hotel`: the server's address. */
export function askTimeZone(inbox: Inbox, hotel: string): void {
  const { user, backend, toasts } = inbox;
  const zone = timeZoneHere();
  const key = `frontdesk.zone_asked ${hotel} ${user.property.id} ${user.id}`;
  if (!user.is_admin || !isUtc(user.property.time_zone) || isUtc(zone) || wasAsked(key)) return;
  const change = async () => {
    try {
      const patch: PropertyPatch = { time_zone: zone };
      await backend.request('PATCH', '/property/', patch);
      await inbox.readUser();
    } catch (failure) {
      toasts.fail(failure, change);
    }
  };
  const action = { label: t('zone.use', { zone }), run: change };
  toasts.ask(t('zone.question', { zone }), action, () => remember(key));
}

function wasAsked(key: string): boolean {
  try {
    return localStorage.getItem(key) !== null;
  } catch {
    return false;
  }
}

function remember(key: string): void {
  try {
    localStorage.setItem(key, 'yes');
  } catch {
    // Storage is full or off: it is asked again at the next start.
  }
}
