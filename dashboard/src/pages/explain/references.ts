import type { Meta } from '@/api/queries';
import { addSteps, daysOfStep, firstAhead, lastOfWindow } from '@/api/steps';
import { dateWithin, timeOf } from '@/format/dates';

/**
 * What a forecast can be compared with: the same weekday a week before or after, the period before
 * or after, the mean of the week around, or the model's average.
 */
export const REFERENCES = ['week', 'before', 'mean', 'after', 'average'] as const;

export type ReferenceKind = (typeof REFERENCES)[number];

/** Days that are forecast from the same origin as those that are explained. */
export interface Reference {
  kind: Exclude<ReferenceKind, 'average'>;
  date: string;
  horizon: number;
}

type Ahead = Pick<Meta, 'step' | 'data' | 'max_horizon'>;

const DAYS_OF_WEEK = 7;
const WEEKS_AROUND = 4;

/** Return the first and the last date that are forecast from the same origin as a date. */
function rangeOf(meta: Ahead, date: string): { first: string; last: string } {
  const ahead = firstAhead(meta);
  const first = date < ahead ? date : ahead; // a past day is forecast from the day before it
  return { first, last: lastOfWindow(meta, first, meta.max_horizon) };
}

/** Return the calendar week of a day, or the weeks around a week, moved to where forecasts are. */
export function weekAround(meta: Ahead, date: string): { date: string; horizon: number } {
  const { first, last } = rangeOf(meta, date);
  const wanted = meta.step === 'day' ? DAYS_OF_WEEK : WEEKS_AROUND;
  const horizon = Math.min(wanted, meta.max_horizon);
  const sinceMonday = (new Date(timeOf(date)).getUTCDay() + 6) % DAYS_OF_WEEK;
  const start = addSteps(meta, date, meta.step === 'day' ? -sinceMonday : -1);
  const latest = addSteps(meta, last, 1 - horizon);
  return { date: dateWithin(start, first, latest), horizon };
}

/** Return what a forecast can be compared with, but for the average. */
export function referencesOf(meta: Ahead, date: string, horizon: number): Reference[] {
  const { first, last } = rangeOf(meta, date);
  const single = horizon === 1;
  const week = single ? DAYS_OF_WEEK / daysOfStep(meta) : horizon;
  const at = (kind: Reference['kind'], steps: number): Reference => ({
    kind,
    date: addSteps(meta, date, steps),
    horizon,
  });
  const around = weekAround(meta, date);
  const candidates: Reference[] = [
    ...(single ? [at('week', -week)] : []),
    ...(single && meta.step === 'week' ? [] : [at('before', -horizon)]),
    ...(single && around.horizon > 1 ? [{ kind: 'mean' as const, ...around }] : []),
    at('after', week),
  ];
  return candidates.filter(
    (each) => each.date >= first && lastOfWindow(meta, each.date, each.horizon) <= last,
  );
}

/** Return the reference of a kind; the most natural if there is none, undefined for the average. */
export function chooseReference(
  references: readonly Reference[],
  wanted: ReferenceKind | '',
): Reference | undefined {
  if (wanted === 'average') return undefined;
  // The day before is of another weekday, and differs for that alone.
  const natural = references.find(({ kind, horizon }) => kind !== 'before' || horizon > 1);
  return references.find((each) => each.kind === wanted) ?? natural;
}
