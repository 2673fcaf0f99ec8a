import { keepPreviousData, type UseQueryResult, useQueries } from '@tanstack/react-query';
import { type Hierarchy, type Meta, treeQuery } from '@/api/queries';
import type { Branch } from './drilldown-rows';
import { levelBelow } from './way';

/** Above so many nodes in a list, intervals of them all would take long, and are left out. */
const MOST_INTERVALS = 500;

export interface TreeView {
  /** Root of the tree. */
  node: string;
  by: string;
  horizon: number;
  /** First day; empty for the day after the newest sales. */
  date: string;
}

/** Return whether a node's list is short enough for intervals, by the usual number of its nodes. */
export function hasIntervals(meta: Meta, by: string, level: string): boolean {
  const below = meta.levels[levelBelow(by, level)] ?? 0;
  return below / (meta.levels[level] ?? 1) <= MOST_INTERVALS;
}

/**
 * What is below each opened node, loaded when it is opened.
 *
 * @param opened ids of nodes with their levels.
 */
export function useBranches(
  meta: Meta,
  view: TreeView,
  opened: ReadonlyMap<string, string>,
): ReadonlyMap<string, Branch> {
  const { by, horizon, date } = view;
  const entries = [...opened];
  const answers = useQueries({
    queries: entries.map(([node, level]) => ({
      ...treeQuery({
        node,
        horizon,
        depth: 1,
        ...(by ? { by } : {}),
        ...(date ? { date } : {}),
        ...(hasIntervals(meta, by, level) ? { intervals: '80' } : {}),
      }),
      placeholderData: keepPreviousData<Hierarchy>,
    })),
  });
  return new Map(entries.map(([node], at) => [node, branchOf(node, answers[at])]));
}

function branchOf(id: string, answer: UseQueryResult<Hierarchy> | undefined): Branch {
  // while another answer is on its way, the one before stays, unless it is of another node
  const node = answer?.data?.tree.id === id ? answer.data.tree : undefined;
  return {
    node,
    error: answer?.error ?? null,
    retry: () => void answer?.refetch(),
  };
}
