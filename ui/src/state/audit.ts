/** Entries of the audit log as sentences: who did what to what. */
import { t } from '../i18n';
import { language } from '../i18n/locale';
import { en } from '../i18n/en';
import type { AuditEntry } from '../protocol/AuditEntry';

/** Names of accounts, by their ids. */
export type Names = ReadonlyMap<number, string>;

type Sentence = keyof typeof en.audit;
const isSentence = (key: string): key is Sentence => Object.hasOwn(en.audit, key);
type Counted = 'retention_delete' | 'retention_anonymise';
type Detail = Counted | Exclude<keyof typeof en.audit_detail, `${Counted}_${string}`>;
const isDetail = (key: string): key is Detail =>
  [key, `${key}_other`].some((each) => Object.hasOwn(en.audit_detail, each));

export function sentenceOf(entry: AuditEntry, names: Names): string {
  const { subject, action, subject_id: id } = entry;
  const who = actorOf(entry, names);
  const whom = nameOf(id, names);
  const what = changesOf(entry);
  // One change that has a sentence of its own says more than the list of one.
  const precise = `${subject}_${action}_${entry.detail ?? ''}`;
  const key = isSentence(precise) ? precise : `${subject}_${action}${what === '' ? '' : '_what'}`;
  const plain = `${subject}_${action}`;
  // A newer server may know actions that this program does not.
  const found = [key, plain].find(isSentence) ?? 'unknown';
  return t(`audit.${found}`, { who, whom, id, what, action, subject });
}

function actorOf({ actor, actor_id }: AuditEntry, names: Names): string {
  if (actor_id !== null) return actor === 'staff' ? nameOf(actor_id, names) : t('audit_who.gateway', { id: actor_id });
  return actor === 'command_line' ? t('audit_who.command_line') : t('audit_who.server');
}

function nameOf(id: number, names: Names): string {
  return names.get(id) ?? t('audit_who.staff', { id });
}

/** `name,departments` or `retention_days=90, retention=delete`, in words. */
function changesOf({ subject, detail }: AuditEntry): string {
  const values = new Map<string, string>();
  for (const part of (detail ?? '').split(',')) {
    const [name = '', value = ''] = part.trim().split('=');
    values.set(name, value);
  }
  const days = Number(values.get('retention_days'));
  const words = [...values].flatMap(([name, value]) => {
    if (name === 'retention_days') return days === 0 ? [t('audit_detail.kept')] : [];
    if (name === 'retention' && !(days > 0)) return [];
    const key = value !== '' ? `${name}_${value}` : subject === 'property' ? `property_${name}` : name;
    return isDetail(key) ? [t(`audit_detail.${key}`, { count: days })] : [];
  });
  return new Intl.ListFormat(language(), { type: 'conjunction' }).format(words);
}
