import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { NewOverride, OverrideOp, OverrideRequest, OverrideSpread } from '@/api/overrides';
import type { Meta } from '@/api/queries';
import { daysOfStep, firstAhead, lastOfWindow } from '@/api/steps';
import { addDays, dateWithin, daysBetween } from '@/format/dates';
import { useFormat } from '@/format/use-format';
import { type Codec, day, oneOf, text, useQueryState } from '@/url/query-state';
import { operandLimits, writtenOfOperand } from './operand';

/** Steps that an override covers until others are chosen. */
const INITIAL_STEPS = { day: 7, week: 4 };

const OP = oneOf<OverrideOp>('set', 'add', 'multiply');
const SPREAD = oneOf<OverrideSpread>('day', 'period');
const OPERAND: Codec<number | null> = {
  parse: (each) => (each.trim() !== '' && Number.isFinite(Number(each)) ? Number(each) : undefined),
  format: (each) => (each === null ? null : String(each)),
};

export interface Draft {
  node: string;
  from: string;
  to: string;
  op: OverrideOp;
  /** As the API takes it: units, or a factor; null while there is none. */
  value: number | null;
  spread: OverrideSpread;
}

/** What is wrong with a draft, by its field. */
export type Faults = Partial<Record<'from' | 'to' | 'value', string>>;

/** First and last day that an override can cover, and the days from one forecast to the next. */
export function spanOf(meta: Meta): { first: string; last: string; step: number } {
  return { first: firstAhead(meta), last: meta.forecast.last as string, step: daysOfStep(meta) };
}

/** The override that is being written; it lives in the address. */
export function useDraft(meta: Meta) {
  const { first, last } = spanOf(meta);
  const [node, setNode] = useQueryState('node', text, 'total');
  const [from, setFrom] = useQueryState('from', day, first, 'replace');
  const initialLast = lastOfWindow(meta, from, INITIAL_STEPS[meta.step]);
  const [to, setTo] = useQueryState('to', day, dateWithin(initialLast, first, last), 'replace');
  const [op, setOp] = useQueryState<OverrideOp>('op', OP, 'multiply');
  const [value, setValue] = useQueryState<number | null>('value', OPERAND, null, 'replace');
  const [spread, setSpread] = useQueryState<OverrideSpread>('spread', SPREAD, 'day');
  const draft = useMemo<Draft>(
    () => ({ node, from, to, op, value, spread }),
    [node, from, to, op, value, spread],
  );
  return { draft, setNode, setFrom, setTo, setOp, setValue, setSpread };
}

/** Return what is wrong with a draft, in words; the API has the last one. */
export function useFaults(meta: Meta, draft: Draft): Faults {
  const { t } = useTranslation();
  const format = useFormat();
  const { first, last, step } = spanOf(meta);
  const ofDay = (date: string): string | undefined => {
    if (date < first || date > last)
      return t('plan.fault.range', { first: format.day(first), last: format.day(last) });
    if (daysBetween(first, date) % step !== 0) {
      const before = addDays(date, -(daysBetween(first, date) % step));
      const [earlier, later] = [format.day(before), format.day(addDays(before, step))];
      return t('plan.fault.week', { before: earlier, after: later });
    }
    return undefined;
  };
  const order = draft.from > draft.to ? t('plan.fault.order') : undefined;
  const [least, most] = operandLimits(draft.op);
  const outside = draft.value !== null && (draft.value < least || draft.value > most);
  const written = (limit: number) => format.number(writtenOfOperand(draft.op, limit), 0);
  return {
    from: ofDay(draft.from),
    to: ofDay(draft.to) ?? order,
    value: outside
      ? t('plan.fault.limits', { least: written(least), most: written(most) })
      : undefined,
  };
}

export function isFaulty(faults: Faults): boolean {
  return Object.values(faults).some(Boolean);
}

/**
 * Return the request to preview a draft.
 *
 * Without a value it adds nothing: the answer is the forecast of the days as it stands.
 */
export function previewRequest(draft: Draft): OverrideRequest {
  const { node, from, to, op, value, spread } = draft;
  if (value === null) return { node, from, to, op: 'add', value: 0, spread: 'day' };
  return { node, from, to, op, value, spread: op === 'multiply' || from === to ? 'day' : spread };
}

/** Return whether a preview is of days as they stand, without a value. */
export function isWithout(preview: NewOverride): boolean {
  return preview.op === 'add' && preview.value === 0;
}
