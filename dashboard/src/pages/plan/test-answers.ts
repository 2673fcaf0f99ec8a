import { HttpResponse } from 'msw';
import type { NewOverride, Override, OverrideRequest } from '@/api/overrides';
import { addDays, daysBetween } from '@/format/dates';

/** Answers of the API as the tests of this page play it: 100 units a day, 80 to 120 with 80 %. */
const UNITS_A_DAY = 100;

export const META = {
  step: 'day',
  data: { first: '2022-01-01', last: '2024-06-30' },
  forecast: { first: '2022-02-01', last: '2024-09-28' },
  hierarchy: [
    { name: 'total', columns: [], nodes: 1 },
    { name: 'store', columns: ['store_nbr'], nodes: 2 },
    { name: 'bottom', columns: ['store_nbr', 'family'], nodes: 4 },
  ],
  horizons: [15, 30],
  max_horizon: 90,
};

export function override(changes: Partial<Override> = {}): Override {
  return {
    id: 7,
    state: 'active',
    node: 'store:1',
    first: '2024-07-03',
    last: '2024-07-04',
    op: 'multiply',
    value: 1.1,
    spread: 'day',
    reason: 'event',
    note: 'Street party',
    author: 'ana',
    created_at: '2024-07-01T08:00:00Z',
    expires_at: null,
    withdrawn_at: null,
    withdrawn_by: null,
    model_version: 'm',
    snapshot: { origin: '2024-06-30', digest: 'd' },
    days: [],
    total: { statistical: 200, before: 200, result: 220, delta: 20 },
    now: { requested: 220, result: 220, holds: true, floored: false, equal_shares: false },
    value_added: null,
    ...changes,
  };
}

/** Return what a request would do to 100 units a day. */
export function previewOf(
  request: OverrideRequest,
  changes: Partial<NewOverride> = {},
): NewOverride {
  const count = daysBetween(request.from, request.to) + 1;
  const share = request.spread === 'period' ? count : 1;
  const result =
    request.op === 'set'
      ? request.value / share
      : request.op === 'add'
        ? UNITS_A_DAY + request.value / share
        : UNITS_A_DAY * request.value;
  const days = Array.from({ length: count }, (_, at) => ({
    date: addDays(request.from, at),
    statistical: UNITS_A_DAY,
    lower_80: 80,
    upper_80: 120,
    lower_95: 70,
    upper_95: 130,
    before: UNITS_A_DAY,
    result,
    delta: result - UNITS_A_DAY,
    actual: null,
  }));
  const [before, after] = [count * UNITS_A_DAY, count * result];
  const delta = after - before;
  return {
    ...override({
      id: null,
      node: request.node ?? 'total',
      first: request.from,
      last: request.to,
      op: request.op,
      value: request.value,
      spread: request.spread ?? 'day',
      days,
      total: { statistical: before, before, result: after, delta },
    }),
    ancestors: [{ id: 'total', level: 'total', baseline: 4000, scenario: 4000 + delta, delta }],
    children: [
      {
        id: 'store:1/family:DAIRY',
        level: 'bottom',
        baseline: before / 4,
        scenario: after / 4,
        delta: delta / 4,
        children: [],
      },
      {
        id: 'store:1/family:BOOKS',
        level: 'bottom',
        baseline: (before * 3) / 4,
        scenario: (after * 3) / 4,
        delta: (delta * 3) / 4,
        children: [],
      },
    ],
    warnings: [],
    revision: 3,
    ...changes,
  };
}

export function problem(status: number, code: string, detail: string) {
  const text = { type: '', title: '', instance: '', error: detail, request_id: 'r-1', errors: [] };
  return HttpResponse.json({ ...text, status, code, detail }, { status });
}
