import { describe, expect, test } from 'vitest';
import { factorOfPercent, operandLimits, operandOfWritten, percentOfFactor } from './operand';

describe('percent and factor', () => {
  test.each([
    [10, 1.1],
    [-10, 0.9],
    [7, 1.07],
    [14.9, 1.149],
    [0, 1],
    [-100, 0],
    [9900, 100],
  ])('%d %% is the factor %d, and back', (percent, factor) => {
    expect(factorOfPercent(percent)).toBe(factor);
    expect(percentOfFactor(factor)).toBe(percent);
  });

  test('units are sent as they are written', () => {
    expect(operandOfWritten('set', 120)).toBe(120);
    expect(operandOfWritten('add', -5)).toBe(-5);
    expect(operandOfWritten('multiply', 5)).toBe(1.05);
  });

  test('nothing is taken off below zero', () => {
    expect(operandLimits('set')[0]).toBe(0);
    expect(operandLimits('multiply')[0]).toBe(factorOfPercent(-100));
  });
});
