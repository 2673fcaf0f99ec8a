import type { DayForecast, History } from '@/api/queries';
import { addDays } from '@/format/dates';
import type { BandOfChart, ChartTone } from './chart-types';

/** Return the forecast of each day. */
export function predictionsOf(days: readonly DayForecast[]): Map<string, number> {
  return new Map(days.map((each) => [each.date, each.prediction]));
}

/** Return the model's own forecast of each day, where the answer has it beside the result. */
export function statisticalOf(days: readonly DayForecast[]): Map<string, number> {
  return knownValues(days.map((each) => [each.date, each.statistical]));
}

/** Return the result of each day on which overrides change the model's forecast. */
export function movedOf(days: readonly DayForecast[]): Map<string, number> {
  return predictionsOf(days.filter(isMoved));
}

/** Return whether overrides change the forecast of a day by more than a rounding error. */
export function isMoved({ prediction, statistical }: DayForecast): boolean {
  return statistical !== undefined && Math.abs(prediction - statistical) > 1e-6 * prediction;
}

/** Return the sales of each day whose sales are known. */
export function actualsOf(days: readonly DayForecast[]): Map<string, number> {
  return knownValues(days.map((each) => [each.date, each.actual]));
}

/**
 * Return the sales of each day of a history; `shift` moves them, such as by 364 days.
 *
 * Days before the node has first sold are left out: it did not exist, which is not a sale of 0.
 */
export function salesOf(history: History | undefined, shift = 0): Map<string, number> {
  const begins = history?.first_sale ?? null;
  const days = begins === null ? [] : (history?.days ?? []).filter(({ date }) => date >= begins);
  return knownValues(
    days.map((each) => [shift ? addDays(each.date, shift) : each.date, each.units]),
  );
}

/** Return a band for each interval that the days have, the widest first. */
export function bandsOf(
  days: readonly DayForecast[],
  label: (level: number) => string,
  tone: ChartTone = 'forecast',
): BandOfChart[] {
  const levels = (days[0]?.intervals ?? []).map((each) => each.level).sort((a, b) => b - a);
  return levels.map((level) => {
    const bounds = days.map((each) => ({
      date: each.date,
      interval: each.intervals.find((interval) => interval.level === level),
    }));
    return {
      id: `band-${level}`,
      label: label(level),
      tone,
      lower: knownValues(bounds.map((each) => [each.date, each.interval?.lower])),
      upper: knownValues(bounds.map((each) => [each.date, each.interval?.upper])),
    };
  });
}

function knownValues(
  pairs: readonly (readonly [string, number | null | undefined])[],
): Map<string, number> {
  return new Map(pairs.filter((pair): pair is [string, number] => typeof pair[1] === 'number'));
}
