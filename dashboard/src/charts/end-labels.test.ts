import { describe, expect, it } from 'vitest';
import { placeEndLabels, shortened } from './end-labels';

function heights(...ends: number[]): number[] {
  const labels = ends.map((end) => ({ end }));
  return placeEndLabels(labels, 10, 100).map((each) => each.y);
}

describe('names at the ends of lines', () => {
  it.each([
    ['stay where they do not touch', [20, 60], [20, 60]],
    ['move down below the one before', [40, 42, 44], [40, 55, 70]],
    ['move up where the bottom is near', [95, 96, 97], [70, 85, 100]],
    ['keep the order of the ends', [60, 20], [20, 60]],
  ])('%s', (_, ends, expected) => {
    expect(heights(...ends)).toEqual(expected);
  });

  it('are cut where they are long', () => {
    expect(shortened('Store 1 · PERSONAL CARE', 12)).toBe('Store 1 · P…');
    expect(shortened('Store 1', 12)).toBe('Store 1');
  });
});
