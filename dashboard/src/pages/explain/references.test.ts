import { describe, expect, it } from 'vitest';
import { metaAnswer } from '@/test/answers';
import { chooseReference, referencesOf, weekAround } from './references';

const DAILY = metaAnswer();
const WEEKLY = metaAnswer({
  step: 'week',
  max_horizon: 26,
  data: { first: '2021-01-04', last: '2024-06-24', promotions_known_through: '2024-06-24' },
});

describe('what a forecast can be compared with', () => {
  it('lies after the sales that the forecast knows, and within its reach', () => {
    const kinds = (date: string, horizon: number) =>
      referencesOf(DAILY, date, horizon).map(({ kind }) => kind);
    expect(kinds('2024-07-01', 1)).toEqual(['mean', 'after']);
    expect(kinds('2024-07-08', 1)).toEqual(['week', 'before', 'mean', 'after']);
    expect(kinds('2024-09-28', 1)).toEqual(['week', 'before', 'mean']);
    expect(kinds('2024-07-01', 90)).toEqual([]);
  });

  it('is forecast from the day before a past day', () => {
    expect(referencesOf(DAILY, '2024-06-05', 1)).toEqual([
      { kind: 'mean', date: '2024-06-05', horizon: 7 },
      { kind: 'after', date: '2024-06-12', horizon: 1 },
    ]);
  });

  it('counts in the weeks of weekly data', () => {
    expect(referencesOf(WEEKLY, '2024-07-15', 1)).toEqual([
      { kind: 'week', date: '2024-07-08', horizon: 1 },
      { kind: 'mean', date: '2024-07-08', horizon: 4 },
      { kind: 'after', date: '2024-07-22', horizon: 1 },
    ]);
  });

  it('is the average where nothing else can be forecast, or it is wanted', () => {
    expect(chooseReference(referencesOf(DAILY, '2024-07-01', 90), 'before')).toBeUndefined();
    expect(chooseReference(referencesOf(DAILY, '2024-07-08', 1), 'average')).toBeUndefined();
  });

  it('is another one where the wanted one does not exist', () => {
    const references = referencesOf(DAILY, '2024-07-02', 1);
    expect(chooseReference(references, 'week')?.kind).toBe('mean');
    expect(chooseReference(references, 'before')?.kind).toBe('before');
  });
});

describe('the week around a day', () => {
  it.each([
    ['2024-07-05', '2024-07-01'],
    ['2024-07-07', '2024-07-01'],
    ['2024-07-08', '2024-07-08'],
    ['2024-09-28', '2024-09-22'], // the last seven days
    ['2024-06-05', '2024-06-05'], // forecast from the day before
  ])('of %s begins on %s', (date, first) => {
    expect(weekAround(DAILY, date)).toEqual({ date: first, horizon: 7 });
  });
});
