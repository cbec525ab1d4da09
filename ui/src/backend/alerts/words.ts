/** What a notification says. */
import { t } from '../../i18n';
import { waitOf } from '../../state/waiting';
import { isolated } from '../../text/isolate';
import type { About, Signal } from '../attention/signals';

export interface Words {
  title: string;
  body: string;
  /** A later notification with the same tag takes the place of this one. */
  tag: string;
  conversationId: number | null;
}

export function wordsOf(signal: Signal, departmentName: (slug: string) => string, now: number): Words {
  const { kind, about, count, urgent } = signal;
  const conversationId = about?.conversation_id ?? null;
  const who = about ? whoOf(about, departmentName) : '';
  switch (kind) {
    case 'offline':
    case 'signed_out':
      return { title: t(`alert.${kind}`), body: t('alert.not_alerted'), tag: 'connection', conversationId };
    case 'back': {
      const body = about ? `${t('alert.waiting', { count })} ${longest(about, who, now)}` : t('alert.nobody_waits');
      return { title: t('alert.back'), body, tag: 'connection', conversationId };
    }
    case 'message':
    case 'started': {
      const title = urgent ? t('alert.urgent', { title: who }) : who;
      return { title, body: about?.preview ?? '', tag: `conversation-${conversationId ?? ''}`, conversationId };
    }
    case 'undelivered':
      return { title: t('alert.undelivered', { count }), body: who, tag: 'undelivered', conversationId };
    case 'many':
    case 'repeat': {
      const waiting = t('alert.waiting', { count });
      const title = urgent ? t('alert.urgent', { title: waiting }) : waiting;
      return { title, body: about ? longest(about, who, now) : '', tag: 'waiting', conversationId };
    }
  }
}

function whoOf({ guest_name, room_number, department }: About, departmentName: (slug: string) => string): string {
  const guest = room_number === null ? isolated(guest_name) : `${isolated(room_number)} ${isolated(guest_name)}`;
  return `${guest} · ${isolated(departmentName(department))}`;
}

function longest({ waiting_since }: About, who: string, now: number): string {
  if (waiting_since === null) return who;
  return t('alert.longest', { time: waitOf(new Date(waiting_since).toISOString(), now).short, who });
}
