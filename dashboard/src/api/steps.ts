import { addDays } from '@/format/dates';
import type { Meta } from './queries';

/** Return the days of a step of the retailer's data: a day, or a week. */
export function stepDays({ step }: Pick<Meta, 'step'>): number {
  return step === 'week' ? 7 : 1;
}

/** Return the date so many steps later, or earlier. */
export function addSteps(meta: Pick<Meta, 'step'>, iso: string, steps: number): string {
  return addDays(iso, steps * stepDays(meta));
}

/** Return the newest date whose sales are known. */
export function newestOf({ data }: Pick<Meta, 'data'>): string {
  return data.last as string;
}
