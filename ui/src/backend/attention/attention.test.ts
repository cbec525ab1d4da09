/** The cases that the desktop app's rule in Rust follows, too. Their format is described in the file. */
import { describe, expect, it } from 'vitest';
import file from '../../../../client-cases/attention.json';
import type { Conversation } from '../../protocol/Conversation';
import type { Frame } from '../../protocol/Frame';
import { defaultPreferences, type AlertPreferences, type Pause, type Presence } from '../types';
import { Attention } from './attention';
import type { About, Input, Link, Signal } from './signals';

const START = Date.UTC(2026, 10, 29, 12);
const millis = (seconds: number) => START + Math.round(seconds * 1_000);

interface Step {
  at: number;
  frame?: Frame;
  list?: { seq: number; results: Conversation[] };
  not_delivered?: { seq: number; answers: (Omit<About, 'preview' | 'waiting_since'> & { message_id: number })[] };
  presence?: Presence;
  locked?: boolean;
  open?: number | null;
  preferences?: Partial<AlertPreferences>;
  pause?: { until: number | null } | null;
  silence?: true;
  clock_back?: number;
  own?: number;
  own_message?: number;
  departments?: string[];
  connection?: Link;
  time?: true;
  signals?: Partial<Omit<Signal, 'about'>>[];
  alert?: object | null;
  count?: number;
  followed?: number[];
  in_front?: number | null;
  status?: string;
  paused?: { until: number | null } | null;
}

interface Case {
  name: string;
  me?: { id: number; departments: string[] };
  preferences?: Partial<AlertPreferences>;
  bare?: boolean;
  list?: null;
  steps: Step[];
}

/** `@N`: N seconds after the start. */
function timed<T>(value: T): T {
  const text = JSON.stringify(value).replace(/"@(-?[\d.]+)"/gu, (_, seconds: string) => {
    return JSON.stringify(new Date(millis(Number(seconds))).toISOString());
  });
  return JSON.parse(text) as T;
}

function pauseOf(pause: Pause | null): Pause | null {
  return pause && { until: pause.until === null ? null : millis(pause.until) };
}

function inputOf(step: Step, preferences: AlertPreferences): Input {
  if (step.frame) return { kind: 'frame', frame: step.frame };
  if (step.list) return { kind: 'list', seq: step.list.seq, conversations: step.list.results };
  if (step.not_delivered) {
    const { seq, answers } = step.not_delivered;
    const toAnswer = ({ message_id, ...about }: (typeof answers)[number]) => {
      return { about: { ...about, preview: '', waiting_since: null }, message_id };
    };
    return { kind: 'not_delivered', seq, answers: answers.map(toAnswer) };
  }
  if (step.presence) return { kind: 'presence', presence: step.presence };
  if (step.locked !== undefined) return { kind: 'locked', locked: step.locked };
  if (step.open !== undefined) return { kind: 'open', conversation_id: step.open };
  if (step.preferences) return { kind: 'preferences', preferences: { ...preferences, ...step.preferences } };
  if (step.pause !== undefined) return { kind: 'pause', pause: pauseOf(step.pause) };
  if (step.silence) return { kind: 'silence' };
  if (step.own !== undefined) return { kind: 'own', conversation_id: step.own };
  if (step.own_message !== undefined) return { kind: 'own_message', message_id: step.own_message };
  if (step.departments) return { kind: 'departments', departments: step.departments };
  if (step.connection) return { kind: 'connection', connection: step.connection };
  if (step.time || step.clock_back !== undefined) return { kind: 'time' };
  throw new Error(`a step without an input: ${JSON.stringify(step)}`);
}

/** Everything that is due on the way to `to` happens at its own time. */
function pass(attention: Attention, from: number, to: number): Signal[] {
  const signals: Signal[] = [];
  let now = from;
  for (let steps = 0; ; steps += 1) {
    const due = attention.nextDue(now);
    if (due === null || due > to) return signals;
    if (steps > 10_000) throw new Error('what is due stays due');
    now = Math.max(now, due);
    signals.push(...attention.apply({ kind: 'time' }, now));
  }
}

describe('attention', () => {
  it.each((timed(file.cases) as unknown as Case[]).map((each) => [each.name, each] as const))('%s', (_, given) => {
    const { id, departments } = given.me ?? { id: 7, departments: ['reception'] };
    const preferences = { ...defaultPreferences, ...given.preferences };
    const attention = new Attention(id, departments, millis(0), preferences);
    if (given.bare !== true) {
      attention.apply({ kind: 'connection', connection: 'connected' }, millis(0));
      if (given.list !== null) attention.apply({ kind: 'list', seq: 10, conversations: [] }, millis(0));
    }
    let before = millis(0);
    for (const step of given.steps) {
      const now = millis(step.at);
      const due = pass(attention, before, now);
      if (step.clock_back !== undefined) attention.clockWentBack(step.clock_back * 1_000);
      const signals = [...due, ...attention.apply(inputOf(step, preferences), now)];
      before = now;
      const label = `at ${step.at} s`;
      const shown = signals.map(({ about, ...signal }) => ({ ...about, ...signal }));
      expect(shown, label).toHaveLength(step.signals?.length ?? 0);
      expect(shown, label).toMatchObject(step.signals ?? []);
      const alert = attention.alert(now);
      const longest = alert?.longest?.conversation_id;
      if (step.alert !== undefined) expect(alert && { ...alert, longest }, label).toEqual(step.alert);
      if (step.count !== undefined) expect(attention.count, label).toBe(step.count);
      if (step.followed)
        expect(
          [...attention.followed(now)].sort((a, b) => a - b),
          label,
        ).toEqual(step.followed);
      if (step.in_front !== undefined) expect(attention.inFront(now), label).toBe(step.in_front);
      if (step.status !== undefined) expect(attention.status, label).toBe(step.status);
      if (step.paused !== undefined) expect(attention.pauseAt(now), label).toEqual(pauseOf(step.paused));
    }
  });
});
