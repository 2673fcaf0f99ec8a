import { yearBefore } from '@/format/dates';
import type { DayForecast, Forecast, History } from './queries';

/** Return what was sold on the same days a year before, or null where a day is not known. */
export function yearBeforeSum(forecast: Forecast, previous: History | undefined): number | null {
  const sales = new Map(previous?.days.map((each) => [each.date, each.units]));
  let sum = 0;
  for (const { date } of forecast.forecast) {
    const units = sales.get(yearBefore(date));
    if (typeof units !== 'number') return null;
    sum += units;
  }
  return sum;
}

/** Return by which share a value is above another, or null where that is unknown or nothing. */
export function shareAbove(value: number, reference: number | null | undefined): number | null {
  return reference ? value / reference - 1 : null;
}

/** What was forecast for days whose sales are known now. */
export interface Review {
  /** Number of days whose sales are known. */
  known: number;
  days: number;
  first: string;
  last: string;
  forecast: number;
  sold: number;
  /** Mean distance of a day's forecast from its sales. */
  dailyError: number;
  /** Days whose sales lie within the 80 % interval. */
  within: number;
}

function liesWithin({ actual, intervals }: DayForecast): boolean {
  const interval = intervals.find((each) => each.level === 80);
  return (
    interval !== undefined &&
    actual !== null &&
    actual >= interval.lower &&
    actual <= interval.upper
  );
}

/** Compare a forecast with what was sold, on the days whose sales are known; null if none are. */
export function reviewOf(forecast: Forecast): Review | null {
  const known = forecast.forecast.filter((each) => each.actual !== null);
  const [first, last] = [known.at(0), known.at(-1)];
  if (first === undefined || last === undefined) return null;
  const sum = (value: (each: DayForecast) => number) =>
    known.reduce((total, each) => total + value(each), 0);
  return {
    known: known.length,
    days: forecast.forecast.length,
    first: first.date,
    last: last.date,
    forecast: sum((each) => each.prediction),
    sold: sum((each) => each.actual as number),
    dailyError: sum((each) => Math.abs(each.prediction - (each.actual as number))) / known.length,
    within: known.filter(liesWithin).length,
  };
}
