/** The icons that stand for departments where space is short. */
import type { IconName } from './Icon.svelte';

/** The departments that every new hotel starts with. */
const icons: Record<string, IconName> = {
  reception: 'bell',
  housekeeping: 'bed',
  room_service: 'cup',
  restaurant: 'cutlery',
  management: 'briefcase',
};

/** A hotel's own departments share one icon; the name below it tells them apart. */
export function departmentIcon(slug: string): IconName {
  return icons[slug] ?? 'door';
}
