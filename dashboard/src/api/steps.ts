import { addDays } from '@/format/dates';
import type { Meta } from './queries';

type Step = Pick<Meta, 'step'>;

/** Steps of sales that are shown before a forecast: the weekly rhythm, or that of a half-year. */
export const HISTORY_STEPS = { day: 56, week: 26 } as const;

const COMMON_HORIZONS = {
  day: [7, 14, 28, 56, 90, 182, 364],
  week: [1, 2, 4, 8, 13, 26, 52],
} as const;
const FOUR_WEEKS = { day: 28, week: 4 } as const;

/**
 * Return the horizons that a page offers: whole weeks, so that weekdays are compared with the same.
 *
 * @param common others to offer instead; those that the model does not reach are left out.
 */
export function commonHorizons(
  { step, max_horizon }: Pick<Meta, 'step' | 'max_horizon'>,
  common: readonly number[] = COMMON_HORIZONS[step],
): number[] {
  return common.filter((each) => each <= max_horizon).sort((a, b) => a - b);
}

/** Return the horizon that a page begins with. */
export function usualHorizon({ step, max_horizon }: Pick<Meta, 'step' | 'max_horizon'>): number {
  return Math.min(FOUR_WEEKS[step], max_horizon);
}

/**
 * Return how many steps of sales are shown before a forecast: fewer before a short one, of which
 * nothing would be seen beside months of sales.
 */
export function stepsBefore({ step }: Step, horizon: number): number {
  const least = { day: 14, week: 8 }[step];
  return Math.min(HISTORY_STEPS[step], Math.max(least, 4 * horizon));
}

/** Return the days of a step of the retailer's data: a day, or a week. */
export function daysOfStep({ step }: Step): number {
  return step === 'week' ? 7 : 1;
}

/** Return the date so many steps later; earlier for a negative number. */
export function addSteps(meta: Step, iso: string, steps: number): string {
  return addDays(iso, steps * daysOfStep(meta));
}

/** Return the date of a window's last step. */
export function lastOfWindow(meta: Step, first: string, horizon: number): string {
  return addSteps(meta, first, horizon - 1);
}

/** Return the newest date whose sales are known. */
export function newestOf({ data }: Pick<Meta, 'data'>): string {
  return data.last as string;
}

/** Return the first date that a forecast is of unless another is asked for. */
export function firstAhead(meta: Pick<Meta, 'step' | 'data'>): string {
  return addSteps(meta, newestOf(meta), 1);
}
