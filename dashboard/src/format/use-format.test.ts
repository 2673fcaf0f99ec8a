import { describe, expect, it } from 'vitest';
import { addDays, daysBetween, yearBefore } from './dates';
import { createFormat } from './use-format';

const english = createFormat('en-GB');
const spanish = createFormat('es-ES');

describe('numbers', () => {
  it.each([
    [1234567.4, '1,234,567', '1.234.567'],
    [99.94, '99.9', '99,9'],
    [0, '0', '0'],
  ])('are written as the reader writes them: %d', (value, inEnglish, inSpanish) => {
    expect(english.units(value)).toBe(inEnglish);
    expect(spanish.units(value)).toBe(inSpanish);
  });

  it.each([null, undefined])('that are not known are a dash, not zero: %s', (value) => {
    expect(english.units(value)).toBe('–');
    expect(english.share(value)).toBe('–');
    expect(english.change(value)).toBe('–');
  });

  it('of a change have their sign', () => {
    expect(english.change(12.34)).toBe('+12.3');
    expect(english.shareChange(-0.1234)).toBe('-12.3%');
    expect(english.change(0)).toBe('0');
  });
});

describe('dates', () => {
  it('are not moved by the time zone of the machine', () => {
    expect(english.day('2024-07-01')).toBe('1 Jul 2024');
    expect(spanish.weekday('2024-07-01')).toBe('lun, 1 jul');
  });

  it('of a single day are named once', () => {
    expect(english.days('2024-07-01', '2024-07-01')).toBe('1 Jul 2024');
    expect(english.days('2024-06-28', '2024-07-02')).toMatch(/28 Jun\s–\s2 Jul 2024/);
  });

  it('are counted over the ends of months, leap years and clock changes', () => {
    expect(addDays('2024-02-28', 2)).toBe('2024-03-01');
    expect(addDays('2024-03-31', -1)).toBe('2024-03-30');
    expect(daysBetween('2024-03-30', '2024-04-01')).toBe(2);
  });

  it('of the year before fall on the same weekday', () => {
    expect(yearBefore('2024-07-01')).toBe('2023-07-03');
    expect(new Date(yearBefore('2024-07-01')).getUTCDay()).toBe(new Date('2024-07-01').getUTCDay());
  });
});
