import type { OverrideOp } from '@/api/overrides';

/** Limits of the API: units of a node on one day, and a factor. */
const MOST_UNITS = 1e12;
const MOST_FACTOR = 100;
/** Digits that are kept: what binary fractions add beyond them is noise. */
const DIGITS = 12;

function rounded(value: number): number {
  return Number(value.toPrecision(DIGITS));
}

/** Return the factor of a change in percent: 1.1 of +10. */
export function factorOfPercent(percent: number): number {
  return rounded((100 + percent) / 100);
}

/** Return the change in percent of a factor: +10 of 1.1. */
export function percentOfFactor(factor: number): number {
  return rounded(factor * 100 - 100);
}

/** Return the value that the API takes of the number that a person wrote. */
export function operandOfWritten(op: OverrideOp, written: number): number {
  return op === 'multiply' ? factorOfPercent(written) : written;
}

/** Return the number that a person would write for a value of the API. */
export function writtenOfOperand(op: OverrideOp, operand: number): number {
  return op === 'multiply' ? percentOfFactor(operand) : operand;
}

/** Return the smallest and the largest value that the API takes. */
export function operandLimits(op: OverrideOp): [number, number] {
  if (op === 'multiply') return [0, MOST_FACTOR];
  return op === 'set' ? [0, MOST_UNITS] : [-MOST_UNITS, MOST_UNITS];
}
