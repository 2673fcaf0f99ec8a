import type { Accuracy, Meta } from '@/api/queries';

export type AccuracyGroup = Accuracy['groups'][number];
export type Cell = AccuracyGroup['levels'][number];

/** Accuracy of a level: a cell for each range of days ahead. */
export interface LevelAccuracy {
  level: string;
  cells: Cell[];
}

/** Rules that forecasts are compared with, in the order in which they are shown. */
export const RULES = ['seasonal_naive', 'weekday_mean'] as const;

/** Share of the sales by which an interval may miss its nominal, as for the warnings of a model. */
const LARGEST_GAP = 0.05;

/** Return the cells of a group by level, in the order of the API. */
export function byLevel(group: AccuracyGroup): LevelAccuracy[] {
  const levels = new Map<string, Cell[]>();
  for (const cell of group.levels) {
    levels.set(cell.level, [...(levels.get(cell.level) ?? []), cell]);
  }
  return [...levels].map(([level, cells]) => ({ level, cells }));
}

/** Return the level that planners look at most: the first between the total and the series. */
export function usualLevel(
  meta: Meta,
  levels: readonly LevelAccuracy[],
): LevelAccuracy | undefined {
  const first = meta.hierarchy.slice(1).map((each) => each.name);
  return levels.find((each) => first.includes(each.level)) ?? levels[0];
}

/** Return the nominal coverages of a group's intervals, such as `80%`, the smallest first. */
export function nominalsOf(group: AccuracyGroup): string[] {
  const names = new Set(group.levels.flatMap((cell) => Object.keys(cell.coverage)));
  return [...names].sort((a, b) => Number.parseFloat(a) - Number.parseFloat(b));
}

export type Judgement = 'kept' | 'narrow' | 'wide';

/** Judge the share of the sales within intervals by what they promise. */
export function judge(share: number, nominal: string): Judgement {
  const gap = share - Number.parseFloat(nominal) / 100;
  // rounded, so that 0.75 is not more than 0.05 below 0.8
  if (Math.abs(gap) <= LARGEST_GAP + 1e-9) return 'kept';
  return gap < 0 ? 'narrow' : 'wide';
}
