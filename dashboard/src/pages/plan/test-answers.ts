import type {
  NewOverride,
  Override,
  OverrideGroupValue,
  OverrideRequest,
  OverrideValue,
} from '@/api/overrides';
import { addDays, daysBetween } from '@/format/dates';
import { BASIS, FORECAST } from '@/test/answers';

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
    model_version: BASIS.model_version,
    snapshot: BASIS.snapshot,
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
        ? FORECAST + request.value / share
        : FORECAST * request.value;
  const days = Array.from({ length: count }, (_, at) => ({
    date: addDays(request.from, at),
    statistical: FORECAST,
    lower_80: 80,
    upper_80: 120,
    lower_95: 70,
    upper_95: 130,
    before: FORECAST,
    result,
    delta: result - FORECAST,
    actual: null,
  }));
  const [before, after] = [count * FORECAST, count * result];
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

/** Return the value of ten overrides. */
export function groupValue(changes: Partial<OverrideGroupValue> = {}): OverrideGroupValue {
  return {
    group: 'ana',
    overrides: 10,
    days: 30,
    sold: 4_000,
    error_before: 500,
    error_planned: 380,
    value: 120,
    share: 0.03,
    helped: 0.75,
    interval: null,
    ...changes,
  };
}

/** Return the answer about groups; there is no total without any. */
export function valueBy(by: string, groups: OverrideGroupValue[]): OverrideValue {
  const total = groups.length === 0 ? null : groupValue({ group: null });
  return { by, first: '2023-07-02', last: '2024-06-30', groups, total };
}
