import type { Schemas } from '@/api/client';
import type { Forecast } from '@/api/queries';

type Part = Schemas['BatchAnswer']['predictions'][number];

/** Numbers of a day or a sum, in the order in which they are kept and written. */
export const NUMBERS = [
  'prediction',
  'lower_80',
  'upper_80',
  'lower_95',
  'upper_95',
  'actual',
] as const;

/** The forecast of one row; NaN stands for what the API did not give. */
export interface Forecasted {
  kind: 'forecast';
  node: string;
  level: string;
  /** Values of the columns that name the node, such as its store. */
  series: Readonly<Record<string, string>>;
  first: string;
  last: string;
  /** `NUMBERS` of the sum of all days. */
  sum: Float64Array;
  dates: readonly string[];
  /** `NUMBERS` of each day, one after the other: as objects, 10,000 rows would fill the memory. */
  days: Float64Array;
  method: string;
  origin: string;
  inSample: boolean;
  degraded: boolean;
  modelVersion: string;
  snapshot: string;
}

/** Why the API did not answer one row, in its own words. */
export interface Refused {
  kind: 'refused';
  code: string;
  detail: string;
}

export type Outcome = Forecasted | Refused;

const lists = new Map<string, readonly string[]>();

/** Return a list of dates that all rows with the same dates share. */
function shared(dates: readonly string[]): readonly string[] {
  const key = dates.join();
  const known = lists.get(key);
  if (known) return known;
  if (lists.size > 1000) lists.clear();
  lists.set(key, dates);
  return dates;
}

function numbersOf(source: object): number[] {
  const values = source as Partial<Record<string, unknown>>;
  return NUMBERS.map((name) => {
    const value = values[name];
    return typeof value === 'number' ? value : Number.NaN;
  });
}

/** Return the outcome of one item, as it is kept. */
export function outcomeOf(part: Part): Outcome {
  if ('code' in part) return { kind: 'refused', code: part.code, detail: part.detail };
  const forecast = part as Forecast; // what names a node or a series is answered as such
  const sum = forecast.periods[0];
  return {
    kind: 'forecast',
    node: forecast.node,
    level: forecast.level,
    series: forecast.series,
    first: sum?.first ?? forecast.date,
    last: sum?.last ?? forecast.date,
    sum: Float64Array.from(numbersOf(sum ?? {})),
    dates: shared(forecast.forecast.map((each) => each.date)),
    days: Float64Array.from(forecast.forecast.flatMap(numbersOf)),
    method: forecast.method,
    origin: forecast.origin,
    inSample: forecast.in_sample,
    degraded: forecast.degraded,
    modelVersion: forecast.model_version,
    snapshot: forecast.snapshot.digest,
  };
}
