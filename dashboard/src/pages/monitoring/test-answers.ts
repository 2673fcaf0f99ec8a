import { HttpResponse, http } from 'msw';
import type { DriftEvent, LiveAccuracy, LiveFigures, Outlier } from '@/api/monitoring';
import { addDays } from '@/format/dates';
import { BASIS, callerAnswer, healthAnswer, metaAnswer, NEWEST } from '@/test/answers';

const DAYS = 28;
const FIRST = addDays(NEWEST, 1 - DAYS);

export function figures(
  level: string,
  days_ahead: string,
  wape: number,
  changes: Partial<LiveFigures> = {},
): LiveFigures {
  return {
    level,
    node: null,
    days_ahead,
    days: DAYS,
    values: 84,
    units_sold: 1000,
    wape: { value: wape, low: wape - 0.01, high: wape + 0.01 },
    bias: { value: -0.02, low: -0.03, high: 0.01 },
    rmsle: 0.3,
    coverage: {
      '80%': { value: 0.82, low: 0.78, high: 0.86 },
      '95%': { value: 0.94, low: 0.92, high: 0.97 },
    },
    wis: 4,
    steps: { seasonal_naive: 0.17, base: wape, forecast: wape },
    recorded: { wape: 0.105, bias: 0, rmsle: 0.3, coverage: { '80%': 0.8 } },
    ...changes,
  };
}

/** Return the daily accuracy of a level, or of a node of it. */
export function daily(level: string, node: string | null = null): LiveAccuracy['daily'] {
  return Array.from({ length: DAYS }, (_, at) => ({
    date: addDays(FIRST, at),
    level,
    node,
    wape: 0.1,
    bias: -0.02,
    coverage: { '80%': 0.82, '95%': 0.94 },
    seasonal_naive: 0.17,
  }));
}

export function liveAnswer(changes: Partial<LiveAccuracy> = {}) {
  const live: LiveAccuracy = {
    bundle: BASIS.model_version,
    first: FIRST,
    last: NEWEST,
    figures: [
      figures('bottom', 'all', 0.12, { recorded: null }),
      figures('bottom', '1-7', 0.12),
      figures('store', 'all', 0.1, { recorded: null }),
      figures('store', '1-7', 0.1),
      figures('store', '8-16', 0.14),
    ],
    daily: [...daily('bottom'), ...daily('store')],
    adaptation: null,
    ...changes,
  };
  return { source: 'calibration', groups: [], model_version: BASIS.model_version, live };
}

/** Return the answer about the nodes of a level, the second of which is the worst. */
export function nodesAnswer(level: string) {
  const nodes = [
    ['1', 0.05, 9000],
    ['2', 0.3, 100],
    ['10', 0.2, 500],
  ] as const;
  return liveAnswer({
    figures: nodes.map(([name, wape, units_sold]) =>
      figures(level, '1-7', wape, { node: `${level}:${name}`, units_sold, recorded: null }),
    ),
    daily: [],
  });
}

export function driftEvent(id: number, changes: Partial<DriftEvent> = {}): DriftEvent {
  return {
    id,
    state: 'open',
    detector: 'loss',
    severity: 'warning',
    subject: 'store',
    bucket: '1-7',
    figure: 0.12,
    reference: 0.08,
    since: '2024-06-10',
    opened: '2024-06-20',
    judged: NEWEST,
    closed: null,
    message: 'store, 1-7 days ahead, since 2024-06-10: the error is 12.0% of sales, usually 8.0%.',
    look: '/accuracy?level=store',
    model_version: BASIS.model_version,
    ...changes,
  };
}

export function outlier(id: number, changes: Partial<Outlier> = {}): Outlier {
  return {
    id,
    kind: 'spike',
    severity: 'warning',
    node: 'store:1/family:BOOKS',
    column: 'sales',
    first: '2024-06-20',
    last: '2024-06-20',
    value: 900,
    expected: 90,
    message: 'store:1/family:BOOKS sold 900 on 2024-06-20, where 90 were to be expected.',
    replaced: false,
    snapshot: '2024-06-30-aebae11dd9dc0c2f',
    recorded_at: '2024-07-01T06:00:00+00:00',
    updated_at: '2024-07-01T06:00:00+00:00',
    acknowledged_at: null,
    acknowledged_by: null,
    real: null,
    note: '',
    days: Array.from({ length: DAYS }, (_, at) => {
      const date = addDays(FIRST, at);
      const units = date === '2024-06-20' ? 900 : 90;
      return { date, units, used: units };
    }),
    ...changes,
  };
}

/** The calls of the page where all is well. */
export const QUIET_API = [
  http.get('*/meta', () => HttpResponse.json(metaAnswer())),
  http.get('*/health', () => HttpResponse.json(healthAnswer())),
  http.get('*/caller', () => HttpResponse.json(callerAnswer())),
  http.get('*/drift', () => HttpResponse.json({ events: [], next: null })),
  http.get('*/outliers', () =>
    HttpResponse.json({ outliers: [], next: null, snapshot: BASIS.snapshot }),
  ),
  http.get('*/accuracy', ({ request }) => {
    const level = new URL(request.url).searchParams.get('level');
    return HttpResponse.json(level ? nodesAnswer(level) : liveAnswer());
  }),
];
