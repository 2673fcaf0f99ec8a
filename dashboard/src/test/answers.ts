import { HttpResponse, http } from 'msw';
import type { Schemas } from '@/api/client';
import type { ProblemAnswer } from '@/api/problems';
import type {
  DayForecast,
  Forecast,
  Health,
  Hierarchy,
  History,
  Meta,
  TreeNode,
  YearBefore,
} from '@/api/queries';
import { addDays, yearBefore } from '@/format/dates';
import type { Caller } from '@/session/caller';

/**
 * Answers of the API about a small retailer: three stores, three families, and the nine series that
 * these make. It sells 90 units a day, and its forecast is 100.
 */

/** Last day whose sales are known. */
export const NEWEST = '2024-06-30';
export const SOLD = 90;
export const FORECAST = 100;

/** Request id of each problem. */
export const REQUEST_ID = '4bf92f3577b34da6a3ce929d0e0e4736';

const MODEL = {
  model_version: '2024-06-30-0123456789abcdef',
  snapshot: { origin: NEWEST, digest: 'aebae11dd9dc0c2f' },
};

/** What every answer about a forecast says of its model. */
export const BASIS = {
  ...MODEL,
  origin: NEWEST,
  model_trained_through: '2024-05-31',
  in_sample: false,
  known_through: { onpromotion: '2024-07-16' },
  degraded: false,
};

export function metaAnswer(changes: Partial<Meta> = {}): Meta {
  return {
    ...MODEL,
    series: { store_nbr: ['1', '2', '10'], family: ['DAIRY', 'BOOKS', 'LIQUOR,WINE,BEER'] },
    attributes: {},
    hierarchy: [
      { name: 'total', columns: [], nodes: 1, divided_by: ['store', 'family'] },
      { name: 'store', columns: ['store_nbr'], nodes: 3, divided_by: [] },
      { name: 'family', columns: ['family'], nodes: 3, divided_by: [] },
      { name: 'bottom', columns: ['store_nbr', 'family'], nodes: 9, divided_by: [] },
    ],
    covariates: [
      { name: 'onpromotion', kind: 'count', known_ahead: true, by: ['store_nbr', 'family'] },
    ],
    stores: [],
    families: ['DAIRY', 'BOOKS', 'LIQUOR,WINE,BEER'],
    levels: { total: 1, store: 3, family: 3, bottom: 9 },
    data: { first: '2021-01-01', last: NEWEST, promotions_known_through: '2024-07-16' },
    forecast: { first: '2021-02-26', last: '2024-09-28' },
    step: 'day',
    max_horizon: 90,
    horizons: [15, 30, 60, 90],
    intervals: [50, 99],
    features: [],
    model_trained_through: BASIS.model_trained_through,
    ...changes,
  };
}

export const META = metaAnswer();

export function healthAnswer(changes: Partial<Health> = {}): Health {
  return {
    ...MODEL,
    status: 'ok',
    model_trained_through: BASIS.model_trained_through,
    newest_expected: '2024-07-02',
    data_age_days: 2,
    demo: false,
    nodes: 16,
    quality: [],
    degraded: false,
    reasons: [],
    ...changes,
  };
}

/** Return a caller who may do everything without a limit unless the changes say otherwise. */
export function callerAnswer(changes: Partial<Caller> = {}): Caller {
  return {
    client: 'planner',
    scopes: ['admin', 'batch', 'explain', 'forecast', 'monitor', 'plan', 'whatif'],
    tier: 'unlimited',
    authentication: 'key',
    limits: null,
    ...changes,
  };
}

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

/** Return a forecast of the same units on each day, with the sales of days that are known. */
export function forecastAnswer(request: Schemas['ForecastRequest'], units = FORECAST): Forecast {
  const { horizon, node = 'total', date: first = addDays(NEWEST, 1), adjusted = false } = request;
  const last = addDays(first, horizon - 1);
  const forecast: DayForecast[] = Array.from({ length: horizon }, (_, at) => ({
    date: addDays(first, at),
    prediction: units,
    ...bounds(units),
    actual: addDays(first, at) <= NEWEST ? SOLD : null,
  }));
  const sum = units * horizon;
  const actual = last <= NEWEST ? SOLD * horizon : null;
  return {
    ...BASIS,
    adjusted,
    node,
    level: node.split(':')[0] ?? '',
    series: {},
    date: first,
    horizon,
    forecast,
    period: 'horizon',
    periods: [{ first, last, days: horizon, prediction: sum, ...bounds(sum), actual }],
    origin: first > NEWEST ? NEWEST : addDays(first, -1),
    method: 'sum',
    in_sample: first <= BASIS.model_trained_through,
    known_through: {},
  };
}

/** Return the sales of each day that a request names, by a function of the day's place. */
export function historyAnswer(
  { node = 'total', from, to }: Schemas['HistoricalRequest'],
  unitsAt: (at: number) => number | null = () => SOLD,
): History {
  const days: History['days'] = [];
  for (let date = from as string; date <= (to as string); date = addDays(date, 1)) {
    days.push({ date, units: unitsAt(days.length), onpromotion: null, covariates: {} });
  }
  const first_sale = '2021-01-01';
  return { node, level: '', days, first_sale, next: null, snapshot: MODEL.snapshot };
}

/** Return the comparison with a year before, when all that sells now sold too. */
export function yearBeforeAnswer(horizon: number, changes: Partial<YearBefore> = {}): YearBefore {
  const [forecast, reference] = [FORECAST * horizon, SOLD * horizon];
  const units = forecast - reference;
  const whole = { forecast, reference, units, change: units / reference };
  return {
    ...MODEL,
    node: 'total',
    level: 'total',
    first: addDays(NEWEST, 1),
    last: addDays(NEWEST, horizon),
    previous_first: yearBefore(addDays(NEWEST, 1)),
    previous_last: yearBefore(addDays(NEWEST, horizon)),
    whole,
    comparable: whole,
    new: { forecast: 0, reference: 0, units: 0, change: null },
    new_share: 0,
    new_nodes: [],
    origin: NEWEST,
    adjusted: false,
    degraded: false,
    ...changes,
  };
}

/** Return a node of a tree that sold 10 units fewer before. */
export function treeNode(id: string, prediction: number, children: TreeNode[] = []): TreeNode {
  const parts = id.split(/\/(?=\w+:)/);
  const last = parts.at(-1) as string;
  return {
    id,
    name: last.slice(last.indexOf(':') + 1),
    level: id === 'total' ? 'total' : parts.length > 1 ? 'bottom' : (id.split(':')[0] as string),
    prediction,
    statistical: null,
    previous: prediction - 10,
    trend: prediction / (prediction - 10) - 1,
    intervals: [{ level: 80, lower: prediction * 0.9, upper: prediction * 1.1 }],
    children,
  };
}

export function hierarchyAnswer(tree: TreeNode, changes: Partial<Hierarchy> = {}): Hierarchy {
  return {
    ...MODEL,
    date: addDays(NEWEST, 1),
    horizon: 30,
    previous_date: '2024-05-27',
    by: 'store',
    origin: NEWEST,
    adjusted: false,
    tree,
    degraded: false,
    ...changes,
  };
}

/** Return the content of a refusal, as the API writes it. */
export function problemAnswer(
  status: number,
  code: string,
  detail: string,
  errors: ProblemAnswer['errors'] = [],
): ProblemAnswer {
  return {
    type: `/docs/errors#${code.toLowerCase().replaceAll('_', '-')}`,
    title: code,
    status,
    detail,
    instance: '/',
    code,
    error: detail,
    errors,
    request_id: REQUEST_ID,
  };
}

/** Return a refusal or failure. */
export function problem(
  status: number,
  code: string,
  detail: string,
  { errors, headers = {} }: { errors?: ProblemAnswer['errors']; headers?: HeadersInit } = {},
) {
  return HttpResponse.json(problemAnswer(status, code, detail, errors), { status, headers });
}

/** The calls that pages about a forecast make; 80 units a day were sold in the period before. */
export const FORECAST_API = [
  http.get('*/meta', () => HttpResponse.json(META)),
  http.get('*/health', () => HttpResponse.json(healthAnswer())),
  http.post('*/forecast', async ({ request }) =>
    HttpResponse.json(forecastAnswer((await request.json()) as Schemas['ForecastRequest'])),
  ),
  http.post('*/historical', async ({ request }) =>
    HttpResponse.json(historyAnswer((await request.json()) as Schemas['HistoricalRequest'])),
  ),
  http.get('*/accuracy', () =>
    HttpResponse.json({ source: 'calibration', groups: [], model_version: MODEL.model_version }),
  ),
  http.get('*/year-before', ({ request }) => {
    const horizon = Number(new URL(request.url).searchParams.get('horizon'));
    return HttpResponse.json(yearBeforeAnswer(horizon));
  }),
  http.get('*/hierarchy', ({ request }) => {
    const horizon = Number(new URL(request.url).searchParams.get('horizon'));
    const days = 7 * Math.ceil(horizon / 7);
    const tree = {
      ...treeNode('total', FORECAST * horizon),
      previous: 80 * horizon,
      trend: FORECAST / 80 - 1,
    };
    return HttpResponse.json(
      hierarchyAnswer(tree, { horizon, previous_date: addDays(NEWEST, 1 - days) }),
    );
  }),
];
