import type { WhatIf } from '@/api/queries';

const DIGITS = 6;

/** An override that moves the forecast as a scenario does. */
export interface OverrideOfScenario {
  from: string;
  to: string;
  op: 'multiply';
  value: number;
}

/**
 * Return the factor between the days that a scenario changes, or null where there is none.
 *
 * A factor keeps the proportions of the days, of which an override has one value.
 */
export function overrideOf({ days }: Pick<WhatIf, 'days'>): OverrideOfScenario | null {
  const changed = days.filter((each) => each.delta !== 0);
  const from = changed.at(0)?.date;
  const to = changed.at(-1)?.date;
  if (from === undefined || to === undefined) return null;
  const covered = days.filter((each) => each.date >= from && each.date <= to);
  const baseline = covered.reduce((sum, each) => sum + each.baseline, 0);
  const scenario = covered.reduce((sum, each) => sum + each.scenario, 0);
  if (baseline <= 0) return null;
  return { from, to, op: 'multiply', value: Number((scenario / baseline).toPrecision(DIGITS)) };
}
