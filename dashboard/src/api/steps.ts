import { addDays } from '@/format/dates';
import type { Meta } from './queries';

type Step = Pick<Meta, 'step'>;

/** Steps of sales that are shown before a forecast: the weekly rhythm, or that of a half-year. */
export const HISTORY_STEPS = { day: 56, week: 26 } as const;

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
