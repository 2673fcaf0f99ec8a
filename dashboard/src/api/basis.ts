import { yearBefore } from '@/format/dates';
import { oneOf, useQueryState } from '@/url/query-state';
import type { Meta } from './queries';
import { daysOfStep, lastOfWindow, newestOf } from './steps';

/** Earlier sales that a forecast is compared with: a year before, or as few weeks as it is long. */
export type Basis = 'year' | 'period';

const BASIS = oneOf<Basis>('year', 'period');
const WEEKS_OF_YEAR = 52;

export interface Window {
  first: string;
  horizon: number;
}

/** Return by how many weeks the earlier sales precede a forecast, so that weekdays are the same. */
export function weeksOfBasis(meta: Meta, basis: Basis, horizon: number): number {
  return basis === 'year' ? WEEKS_OF_YEAR : Math.ceil((horizon * daysOfStep(meta)) / 7);
}

/** Return the basis until one is chosen: the year before, where its sales reach. */
export function usualBasis(meta: Meta, { first, horizon }: Window): Basis {
  const last = lastOfWindow(meta, first, horizon);
  const reaches = yearBefore(first) >= (meta.data.first as string);
  return reaches && yearBefore(last) <= newestOf(meta) ? 'year' : 'period';
}

/** The earlier sales that a page compares with; the choice lives in the address. */
export function useBasis(meta: Meta, window: Window): [Basis, (basis: Basis) => void] {
  return useQueryState<Basis>('against', BASIS, usualBasis(meta, window));
}

/** Return the query of `/hierarchy` for a basis; its own default is left out. */
export function queryOfBasis(basis: Basis): { previous?: 'year' } {
  return basis === 'year' ? { previous: 'year' } : {};
}
