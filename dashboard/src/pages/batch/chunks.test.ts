import { expect, it } from 'vitest';
import { planChunks } from './chunks';

const LAST = '2024-06-30';
const item = (date?: string) => ({ node: 'total', horizon: 1, ...(date ? { date } : {}) });

it('sends at most 100 items a call, and each once', () => {
  const chunks = planChunks(
    Array.from({ length: 250 }, () => item()),
    LAST,
  );
  expect(chunks.map((chunk) => chunk.length)).toEqual([100, 100, 50]);
  expect(new Set(chunks.flat()).size).toBe(250);
});

it('sends at most 4 past dates a call, and those of the same date together', () => {
  const dates = ['2024-01-01', '2024-02-01', '2024-03-01', '2024-04-01', '2024-05-01'];
  const items = Array.from({ length: 50 }, (_, at) => item(dates[at % 5]));
  const chunks = planChunks(items, LAST);
  expect(chunks).toHaveLength(2);
  for (const chunk of chunks)
    expect(new Set(chunk.map((at) => items[at]?.date)).size).toBeLessThanOrEqual(4);
});

it('counts no date after the last day of sales', () => {
  const items = Array.from({ length: 20 }, (_, at) => item(`2024-07-${10 + at}`));
  expect(planChunks(items, LAST)).toHaveLength(1);
});

it('leaves out rows that are not sent', () => {
  expect(planChunks([item(), null, item()], LAST)).toEqual([[0, 2]]);
});

it('sends no more than the caller may spend at once', () => {
  const chunks = planChunks(
    Array.from({ length: 25 }, () => item()),
    LAST,
    10,
  );
  expect(chunks.map((chunk) => chunk.length)).toEqual([10, 10, 5]);
});
