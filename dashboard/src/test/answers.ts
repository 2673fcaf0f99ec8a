import type { ProblemAnswer } from '@/api/problems';
import type { Forecast, Health, Hierarchy, History, Meta, TreeNode } from '@/api/queries';
import { addDays } from '@/format/dates';

/** Last day with sales of the retailer that the tests play. */
export const NEWEST = '2024-06-30';

const MODEL = {
  model_version: '2024-06-30-0123456789abcdef',
  snapshot: { origin: NEWEST, digest: '0123456789abcdef' },
};

/** A small retailer: two stores, two families, and the four series that these make. */
export function metaAnswer(changes: Partial<Meta> = {}): Meta {
  return {
    ...MODEL,
    series: { store_nbr: ['1', '2'], family: ['DAIRY', 'BOOKS'] },
    attributes: {},
    hierarchy: [
      { name: 'total', columns: [], nodes: 1 },
      { name: 'store', columns: ['store_nbr'], nodes: 2 },
      { name: 'family', columns: ['family'], nodes: 2 },
      { name: 'bottom', columns: ['store_nbr', 'family'], nodes: 4 },
    ],
    covariates: [
      { name: 'onpromotion', kind: 'count', known_ahead: true, by: ['store_nbr', 'family'] },
    ],
    stores: [],
    families: ['DAIRY', 'BOOKS'],
    levels: { total: 1, store: 2, family: 2, bottom: 4 },
    data: { first: '2021-01-01', last: NEWEST, promotions_known_through: NEWEST },
    forecast: { first: '2021-02-26', last: '2024-09-28' },
    step: 'day',
    max_horizon: 90,
    horizons: [15, 30, 60, 90],
    intervals: [50, 99],
    features: [],
    model_trained_through: NEWEST,
    ...changes,
  };
}

export const META = metaAnswer();

/** A forecast of the same units on each day after the newest. */
export function forecastAnswer(node: string, horizon: number, units: number): Forecast {
  const first = addDays(NEWEST, 1);
  const intervals = [{ level: 80, lower: units * 0.9, upper: units * 1.1 }];
  const days = Array.from({ length: horizon }, (_, at) => addDays(first, at));
  return {
    ...MODEL,
    adjusted: false,
    node,
    level: node.split(':')[0] ?? '',
    series: {},
    date: first,
    horizon,
    forecast: days.map((date) => ({ date, prediction: units, intervals, actual: null })),
    period: 'horizon',
    periods: [
      {
        first,
        last: addDays(first, horizon - 1),
        days: horizon,
        prediction: units * horizon,
        intervals: [{ level: 80, lower: units * horizon * 0.95, upper: units * horizon * 1.05 }],
        actual: null,
      },
    ],
    origin: NEWEST,
    method: 'sum',
    model_trained_through: NEWEST,
    in_sample: false,
    known_through: {},
    degraded: false,
  };
}

/** Sales of each day from one to another, by a function of the day's place. */
export function historyAnswer(
  node: string,
  from: string,
  to: string,
  unitsAt: (at: number) => number | null,
): History {
  const days: History['days'] = [];
  for (let date = from; date <= to; date = addDays(date, 1)) {
    days.push({ date, units: unitsAt(days.length), onpromotion: null, covariates: {} });
  }
  return { node, level: '', days, next: null, snapshot: MODEL.snapshot };
}

/** A node of a tree that sold 10 units fewer before. */
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

export function healthAnswer(changes: Partial<Health> = {}): Health {
  return {
    ...MODEL,
    status: 'ok',
    model_trained_through: NEWEST,
    newest_expected: NEWEST,
    data_age_days: 0,
    demo: false,
    nodes: 9,
    quality: [],
    degraded: false,
    reasons: [],
    ...changes,
  };
}

/** A refusal, as the API writes it. */
export function problem(
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
    request_id: '00000000000000000000000000000001',
  };
}
