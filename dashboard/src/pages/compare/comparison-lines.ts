import type { Forecast, Hierarchy, History } from '@/api/queries';
import { actualsOf, predictionsOf, salesOf } from '@/charts/forecast-series';
import type { ChartTone, LineOfChart } from '@/charts/time-chart';

/** Most nodes of a comparison: so many colours of lines can be told apart. */
export const MOST_NODES = 6;

/** Units, or each line as a percentage of its own mean. */
export type Mode = 'units' | 'index';

/** What is known of a node that is compared. */
export interface ComparedNode {
  node: string;
  forecast: Forecast;
  history: History | undefined;
  /** The sum of the forecast's days beside the earlier sales that it is compared with. */
  earlier: Hierarchy | undefined;
}

/** Figures of a node over the horizon, as the table shows them. */
export interface ComparedSum {
  node: string;
  units: number;
  lower: number | undefined;
  upper: number | undefined;
  /** What was sold before; null where a day of it is not known. */
  previous: number | null;
  /** Share of it by which the forecast is higher; null where there is nothing to divide by. */
  share: number | null;
  /** Units by which the forecast is higher. */
  change: number | null;
}

/** Return the tone of a place in the comparison. */
export function toneAt(at: number): ChartTone {
  return `series${(at % MOST_NODES) + 1}` as ChartTone;
}

/** Return the figures of a node over the whole horizon. */
export function sumOf({ node, forecast, earlier }: ComparedNode): ComparedSum | null {
  const whole = forecast.periods[0];
  if (whole === undefined) return null;
  const previous = earlier?.tree.previous ?? null;
  return {
    node,
    units: whole.prediction,
    lower: whole.intervals[0]?.lower,
    upper: whole.intervals[0]?.upper,
    previous,
    share: earlier?.tree.trend ?? null,
    change: previous === null ? null : whole.prediction - previous,
  };
}

/** Return a node's sales and, after them, its forecast. */
function valuesOf({ forecast, history }: ComparedNode): Map<string, number> {
  return new Map([
    ...salesOf(history),
    ...predictionsOf(forecast.forecast),
    ...actualsOf(forecast.forecast),
  ]);
}

/**
 * Return values as percentages of their mean, or null where that is 0 or there is none.
 *
 * Of the mean, and not of the first value: one odd day would move the whole line.
 */
export function indexed(values: ReadonlyMap<string, number>): Map<string, number> | null {
  const sum = [...values.values()].reduce((total, value) => total + value, 0);
  if (sum === 0) return null;
  const mean = sum / values.size;
  return new Map([...values].map(([date, value]) => [date, (100 * value) / mean]));
}

/** Return a line for each node, and the nodes that have none because they sell nothing. */
export function linesOf(
  nodes: readonly ComparedNode[],
  mode: Mode,
  tones: ReadonlyMap<string, ChartTone>,
  label: (node: string) => string,
): { lines: LineOfChart[]; omitted: string[] } {
  const lines: LineOfChart[] = [];
  const omitted: string[] = [];
  for (const each of nodes) {
    const units = valuesOf(each);
    const values = mode === 'index' ? indexed(units) : units;
    if (values === null) omitted.push(each.node);
    else {
      const tone = tones.get(each.node) ?? 'series1';
      lines.push({ id: each.node, label: label(each.node), tone, values });
    }
  }
  return { lines, omitted };
}
