import type { Meta } from '@/api/queries';
import { addDays } from './dates';

const DAYS_OF_WEEK = 7;

/** Return the number of days from one date of the sales to the next. */
export function daysOfStep(meta: Pick<Meta, 'step'>): number {
  return meta.step === 'week' ? DAYS_OF_WEEK : 1;
}

/** Return the date some steps later; earlier for a negative number. */
export function addSteps(meta: Pick<Meta, 'step'>, date: string, steps: number): string {
  return addDays(date, steps * daysOfStep(meta));
}

/** Return the date of a window's last step. */
export function lastOfWindow(meta: Pick<Meta, 'step'>, first: string, horizon: number): string {
  return addSteps(meta, first, horizon - 1);
}
