import { describe, expect, it } from 'vitest';
import {
  axisOf,
  largestParts,
  spansFrom,
  spansOf,
  sumOf,
  type WaterfallStep,
} from './waterfall-bars';

function step(kind: WaterfallStep['kind'], units: number): WaterfallStep {
  return { id: `${kind} ${units}`, kind, label: kind, units };
}

describe('spansOf', () => {
  it('begins each change where the one before ends, whatever its direction', () => {
    const steps = [step('start', 90), step('change', 515), step('change', -5), step('end', 600)];
    expect(spansOf(steps)).toEqual([
      { from: 0, to: 90 },
      { from: 90, to: 605 },
      { from: 605, to: 600 },
      { from: 0, to: 600 },
    ]);
  });

  it('goes below zero where the steps do', () => {
    expect(spansOf([step('start', 10), step('change', -12), step('change', 2)])).toEqual([
      { from: 0, to: 10 },
      { from: 10, to: -2 },
      { from: -2, to: 0 },
    ]);
  });
});

describe('parts of a step', () => {
  const parts = [3, -8, 1, 5, -1].map((units) => ({ id: String(units), label: '', units }));

  it('end where the step ends', () => {
    expect(spansFrom(90, parts).at(-1)?.to).toBe(90 + sumOf(parts));
  });

  it('shows the largest in either direction, and the others add up to the rest', () => {
    const { shown, rest } = largestParts(parts, 2);
    expect(shown.map((each) => each.units)).toEqual([-8, 5]);
    expect(sumOf(shown) + sumOf(rest)).toBe(sumOf(parts));
  });

  it('folds no single part, which would take as much room', () => {
    expect(largestParts(parts, 4).rest).toEqual([]);
  });
});

describe('the axis', () => {
  const spans = [
    { from: 0, to: 740 },
    { from: 740, to: 700 },
    { from: 0, to: 785 },
  ];

  it('begins at zero, on which start and end stand', () => {
    expect(axisOf(spans)).toEqual([0, 785]);
  });

  it('shows the changes alone where these matter', () => {
    expect(axisOf(spans, true)).toEqual([700, 785]);
  });

  it('has a length where nothing changes', () => {
    expect(axisOf([{ from: 0, to: 740 }], true)).toEqual([0, 740]);
    expect(axisOf([{ from: 0, to: 0 }], true)).toEqual([0, 1]);
  });
});
