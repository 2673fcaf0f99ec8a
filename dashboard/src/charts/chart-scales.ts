import { type ScaleLinear, type ScaleTime, scaleLinear, scaleUtc } from 'd3-scale';
import { MILLISECONDS_OF_DAY, timeOf } from '@/format/dates';
import type { BandOfChart, LineOfChart } from './chart-types';

/** Space around what is drawn, in pixels. */
export const MARGIN = { top: 8, right: 12, bottom: 24, left: 52 };

export type TimeScale = ScaleTime<number, number>;
export type ValueScale = ScaleLinear<number, number>;

/** Return all dates of a chart in order. */
export function datesOf(
  lines: readonly LineOfChart[],
  bands: readonly BandOfChart[] = [],
): string[] {
  const dates = new Set<string>();
  for (const { values } of lines) for (const date of values.keys()) dates.add(date);
  for (const { lower } of bands) for (const date of lower.keys()) dates.add(date);
  return [...dates].sort();
}

function largest(lines: readonly LineOfChart[], bands: readonly BandOfChart[]): number {
  let most = 0;
  for (const { values } of lines) for (const value of values.values()) most = Math.max(most, value);
  for (const { upper } of bands) for (const value of upper.values()) most = Math.max(most, value);
  return most || 1;
}

/** Return the scale of days from the left to the right edge. */
export function timeScale(first: string, last: string, right: number): TimeScale {
  return scaleUtc()
    .domain([timeOf(first), timeOf(last)])
    .range([MARGIN.left, right]);
}

/** Return the scale of values, from the least to the largest. */
export function valueScale(
  lines: readonly LineOfChart[],
  bands: readonly BandOfChart[],
  height: number,
  least = 0,
): ValueScale {
  return scaleLinear()
    .domain([least, largest(lines, bands)])
    .nice()
    .range([height - MARGIN.bottom, MARGIN.top]);
}

/** Return the days that are named below the chart; between two days, time has no name. */
export function dayTicks(x: TimeScale, width: number): Date[] {
  const ticks = x.ticks(Math.max(2, Math.floor(width / 110)));
  return ticks.filter((tick) => tick.getTime() % MILLISECONDS_OF_DAY === 0);
}

/** Return the date that lies nearest to a place. */
export function nearestDate(dates: readonly string[], x: TimeScale, place: number): string {
  const time = x.invert(place).getTime();
  return dates.reduce((best, each) =>
    Math.abs(timeOf(each) - time) < Math.abs(timeOf(best) - time) ? each : best,
  );
}
