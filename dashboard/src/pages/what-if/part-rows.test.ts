import { describe, expect, it } from 'vitest';
import { overrideOf } from './override';
import { type Child, partRows } from './part-rows';

function child(id: string, delta: number, children: Child[] = []): Child {
  return { id, level: 'store', baseline: 100, scenario: 100 + delta, delta, children };
}

describe('partRows', () => {
  const children = [1, -9, 4, 2, 3].map((delta) => child(`store:${delta}`, delta));

  it('puts first what moves most, in either direction', () => {
    expect(partRows(children, 10).map((row) => row.delta)).toEqual([-9, 4, 3, 2, 1]);
  });

  it('adds up to the same where the others are one row', () => {
    const rows = partRows(children, 2);
    expect(rows.map((row) => row.node)).toEqual(['store:-9', 'store:4', null]);
    expect(rows.at(-1)).toMatchObject({ count: 3, delta: 6, baseline: 300, scenario: 306 });
    expect(rows.reduce((sum, row) => sum + row.delta, 0)).toBe(1);
  });

  it('puts the parts of a part below it', () => {
    const rows = partRows([child('a', 3, [child('a/b', 3)]), child('c', 1)], 10);
    expect(rows.map((row) => [row.id, row.depth])).toEqual([
      ['a', 0],
      ['a/b', 1],
      ['c', 0],
    ]);
  });
});

describe('overrideOf', () => {
  const day = (date: string, baseline: number, delta: number) => ({
    date,
    baseline,
    scenario: baseline + delta,
    delta,
  });

  it('is the factor of the days that the scenario changes', () => {
    const days = [day('2024-07-01', 10, 0), day('2024-07-02', 20, 4), day('2024-07-03', 20, 6)];
    expect(overrideOf({ days })).toEqual({
      from: '2024-07-02',
      to: '2024-07-03',
      op: 'multiply',
      value: 1.25,
    });
  });

  it('is none where nothing changes, and where there is nothing to multiply', () => {
    expect(overrideOf({ days: [day('2024-07-01', 10, 0)] })).toBeNull();
    expect(overrideOf({ days: [day('2024-07-01', 0, 3)] })).toBeNull();
  });
});
