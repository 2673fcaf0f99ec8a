import { HttpResponse, http } from 'msw';
import type { Schemas } from '@/api/client';
import type { DayForecast, Forecast, Health, History, Meta } from '@/api/queries';
import { addDays, daysBetween } from '@/format/dates';

/** Last day with sales of the retailer whose forecasts the tests play. */
export const LAST_DAY = '2024-06-30';
const FIRST_DAY = '2023-01-01';
/** Units sold on each day, and forecast for each day, of every node. */
export const SOLD = 90;
export const FORECAST = 100;

const BASIS = {
  model_version: 'model-7',
  model_trained_through: '2024-05-31',
  snapshot: { origin: LAST_DAY, digest: '01af' },
};

export const META: Meta = {
  ...BASIS,
  series: { store_nbr: ['1', '2'], family: ['DAIRY', 'BOOKS'] },
  attributes: {},
  hierarchy: [
    { name: 'total', columns: [], nodes: 1 },
    { name: 'store', columns: ['store_nbr'], nodes: 2 },
    { name: 'bottom', columns: ['store_nbr', 'family'], nodes: 4 },
  ],
  covariates: [],
  stores: [],
  families: [],
  levels: { total: 1, store: 2, bottom: 4 },
  data: { first: FIRST_DAY, last: LAST_DAY },
  forecast: { first: '2023-03-01', last: addDays(LAST_DAY, 90) },
  step: 'day',
  max_horizon: 90,
  horizons: [15, 30, 60, 90],
  intervals: [50, 99],
  features: [],
};

export const HEALTH: Health = {
  ...BASIS,
  status: 'ok',
  newest_expected: '2024-07-02',
  data_age_days: 2,
  demo: false,
  nodes: 7,
  quality: [],
  degraded: false,
  reasons: [],
};

function bounds(units: number) {
  return {
    lower_80: units * 0.9,
    upper_80: units * 1.1,
    lower_95: units * 0.8,
    upper_95: units * 1.2,
    intervals: [
      { level: 80, lower: units * 0.9, upper: units * 1.1 },
      { level: 95, lower: units * 0.8, upper: units * 1.2 },
    ],
  };
}

/** Return what the API answers to a request: 100 units a day, and sales of 90 where they are known. */
export function forecastAnswer(
  request: Schemas['ForecastRequest'],
  changes: Partial<Forecast> = {},
): Forecast {
  const first = request.date ?? addDays(LAST_DAY, 1);
  const days: DayForecast[] = Array.from({ length: request.horizon }, (_, at) => ({
    date: addDays(first, at),
    prediction: FORECAST,
    ...bounds(FORECAST),
    actual: addDays(first, at) <= LAST_DAY ? SOLD : null,
  }));
  const last = addDays(first, request.horizon - 1);
  const sum = FORECAST * request.horizon;
  return {
    ...BASIS,
    adjusted: request.adjusted ?? false,
    node: request.node ?? 'total',
    level: 'total',
    series: {},
    date: first,
    horizon: request.horizon,
    forecast: days,
    period: 'horizon',
    periods: [
      {
        first,
        last,
        days: request.horizon,
        prediction: sum,
        ...bounds(sum),
        actual: last <= LAST_DAY ? SOLD * request.horizon : null,
      },
    ],
    origin: first > LAST_DAY ? LAST_DAY : addDays(first, -1),
    method: 'sum',
    in_sample: first <= BASIS.model_trained_through,
    known_through: {},
    degraded: false,
    ...changes,
  };
}

export function historyAnswer(request: Schemas['HistoricalRequest']): History {
  const from = request.from as string;
  const length = daysBetween(from, request.to as string) + 1;
  return {
    node: request.node ?? 'total',
    level: 'total',
    days: Array.from({ length }, (_, at) => ({
      date: addDays(from, at),
      units: SOLD,
      onpromotion: null,
      covariates: {},
    })),
    next: null,
    snapshot: BASIS.snapshot,
  };
}

/** The API of a retailer that sells 90 units a day and is forecast to sell 100. */
export const FORECAST_API = [
  http.get('*/meta', () => HttpResponse.json(META)),
  http.get('*/health', () => HttpResponse.json(HEALTH)),
  http.post('*/forecast', async ({ request }) =>
    HttpResponse.json(forecastAnswer((await request.json()) as Schemas['ForecastRequest'])),
  ),
  http.post('*/historical', async ({ request }) =>
    HttpResponse.json(historyAnswer((await request.json()) as Schemas['HistoricalRequest'])),
  ),
  http.get('*/hierarchy', ({ request }) => {
    const horizon = Number(new URL(request.url).searchParams.get('horizon'));
    return HttpResponse.json({
      date: addDays(LAST_DAY, 1),
      horizon,
      previous_date: addDays(LAST_DAY, 1 - horizon),
      by: 'store',
      origin: LAST_DAY,
      tree: {
        id: 'total',
        name: 'total',
        level: 'total',
        prediction: FORECAST * horizon,
        previous: 80 * horizon,
        trend: 0.25,
        intervals: [],
        children: [],
      },
      ...BASIS,
      degraded: false,
    });
  }),
];
