import type { Schemas } from '@/api/client';
import type { Meta } from '@/api/queries';
import type { Codec } from '@/url/query-state';

export type Operation = Schemas['Operation'];

/** An assumption about one covariate. Empty dates stand for the window's own. */
export interface Adjustment {
  op: Operation;
  /** A number; of a holiday its name, or null for days that are none. */
  value: number | string | null;
  from: string;
  to: string;
}

export interface Scenario {
  /** Empty where nobody has named it. */
  name: string;
  adjustments: Readonly<Record<string, Adjustment>>;
}

export const HOLIDAY = 'holiday';
export const MOST_SCENARIOS = 4;
const MOST_ADJUSTMENTS = 50;
const MOST_CHARACTERS = 200;
const OPERATIONS: readonly Operation[] = ['set', 'add', 'multiply'];

export const EMPTY: Scenario = { name: '', adjustments: {} };

/** Scenarios of an address, and whether it had some that could not be read. */
export interface ScenariosOfAddress {
  list: readonly Scenario[];
  broken: boolean;
}

type Written = [string, Record<string, [Operation, number | string | null, string?, string?]>];

/** Return scenarios as short JSON: `[["More", {"onpromotion": ["add", 10, "2024-07-05"]}]]`. */
export function writeScenarios(list: readonly Scenario[]): string {
  const written = list.map(({ name, adjustments }): Written => {
    const entries = Object.entries(adjustments).map(
      ([covariate, { op, value, from, to }]) =>
        [covariate, to ? [op, value, from, to] : from ? [op, value, from] : [op, value]] as const,
    );
    return [name, Object.fromEntries(entries) as Written[1]];
  });
  return JSON.stringify(written);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MOST_CHARACTERS;
}

function isDay(value: unknown): value is string {
  return value === '' || (typeof value === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(value));
}

function adjustmentOf(written: unknown): Adjustment | null {
  if (!Array.isArray(written) || written.length < 2 || written.length > 4) return null;
  const [op, value, from = '', to = ''] = written as unknown[];
  const operation = OPERATIONS.find((each) => each === op);
  const valid = value === null || isText(value) || Number.isFinite(value);
  if (operation === undefined || !valid || !isDay(from) || !isDay(to)) return null;
  return { op: operation, value: value as Adjustment['value'], from, to };
}

function scenarioOf(written: unknown): Scenario | null {
  if (!Array.isArray(written) || written.length !== 2 || !isText(written[0])) return null;
  const [name, changes] = written as [string, unknown];
  if (typeof changes !== 'object' || changes === null || Array.isArray(changes)) return null;
  const entries = Object.entries(changes).map(
    ([covariate, each]) => [covariate, adjustmentOf(each)] as const,
  );
  const valid = (entry: (typeof entries)[number]): entry is readonly [string, Adjustment] =>
    entry[1] !== null && isText(entry[0]);
  if (entries.length > MOST_ADJUSTMENTS || !entries.every(valid)) return null;
  return { name, adjustments: Object.fromEntries(entries) };
}

/** Return the scenarios that a text of an address holds, or null if any part of it is wrong. */
export function readScenarios(text: string): Scenario[] | null {
  let written: unknown;
  try {
    written = JSON.parse(text);
  } catch {
    return null;
  }
  if (!Array.isArray(written) || written.length < 1 || written.length > MOST_SCENARIOS) return null;
  const list = written.map(scenarioOf);
  return list.every((each) => each !== null) ? list : null;
}

export const NO_SCENARIOS: ScenariosOfAddress = { list: [EMPTY], broken: false };

export const scenariosCodec: Codec<ScenariosOfAddress> = {
  parse: (text) => {
    const list = readScenarios(text);
    return list === null ? { list: [EMPTY], broken: true } : { list, broken: false };
  },
  format: ({ list }) => {
    const [only] = list;
    const untouched = list.length === 1 && only === EMPTY;
    return untouched ? null : writeScenarios(list);
  },
};

/** Return the scenarios with another in the place of one. */
export function replaceAt(
  list: readonly Scenario[],
  at: number,
  scenario: Scenario,
): readonly Scenario[] {
  return list.map((each, index) => (index === at ? scenario : each));
}

/** Return a scenario with an adjustment changed, or without it if there is none. */
export function withAdjustment(
  scenario: Scenario,
  covariate: string,
  adjustment: Adjustment | null,
): Scenario {
  if (adjustment !== null) {
    // one that is there already stays in its place
    return { ...scenario, adjustments: { ...scenario.adjustments, [covariate]: adjustment } };
  }
  const { [covariate]: _, ...others } = scenario.adjustments;
  return { ...scenario, adjustments: others };
}

export type CovariateKind = Meta['covariates'][number]['kind'];

/** Return the value of an operation that changes nothing, or next to nothing. */
export function neutral(op: Operation): number {
  return op === 'multiply' ? 1 : 0;
}

/** First and last day that are compared. */
export interface Window {
  first: string;
  last: string;
}

/**
 * Return the adjustment that a covariate begins with.
 *
 * A number begins with what changes nothing; where it is known on no day of the window, it can only
 * be set.
 */
export function firstAdjustment(
  kind: CovariateKind | typeof HOLIDAY,
  window: Window,
  known: string | undefined,
): Adjustment {
  if (kind === HOLIDAY) return { op: 'set', value: null, from: window.first, to: window.first };
  if (kind === 'flag') return { op: 'set', value: 1, from: '', to: '' };
  const unknown = known !== undefined && known < window.first;
  const op = unknown ? 'set' : kind === 'price' ? 'multiply' : 'add';
  return { op, value: neutral(op), from: '', to: '' };
}

/**
 * Return an adjustment on the days of a window alone, or null where it has none of them.
 *
 * The days of a scenario stay as they are when another window is looked at.
 */
export function within(adjustment: Adjustment, { first, last }: Window): Adjustment | null {
  const { from, to } = adjustment;
  if (from > last || (to !== '' && to < first)) return null;
  return { ...adjustment, from: from < first ? '' : from, to: to > last ? '' : to };
}

type Adjustments = NonNullable<Schemas['WhatifRequest']['adjustments']>;

/** Return the adjustments of a window as the API takes them. */
export function requestOf({ adjustments }: Scenario, window: Window): Adjustments {
  const request: Adjustments = {};
  for (const [covariate, written] of Object.entries(adjustments)) {
    const adjustment = within(written, window);
    if (adjustment === null) continue;
    const { op, value, from, to } = adjustment;
    request[covariate] = { op, value, ...(from ? { from } : {}), ...(to ? { to } : {}) };
  }
  return request;
}
