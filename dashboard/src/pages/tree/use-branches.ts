import { keepPreviousData, type UseQueryResult, useQueries } from '@tanstack/react-query';
import { type Basis, queryOfBasis } from '@/api/basis';
import { type Hierarchy, type Meta, type TreeRequest, treeQuery } from '@/api/queries';
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
  /** Earlier sales that the forecasts are compared with. */
  against: Basis;
}

/** Return whether a node's list is short enough for intervals, by the usual number of its nodes. */
function hasIntervals(meta: Meta, by: string, level: string): boolean {
  const below = meta.levels[levelBelow(by, level)] ?? 0;
  return below / (meta.levels[level] ?? 1) <= MOST_INTERVALS;
}

/** Return the request of what is below a node. */
export function branchRequest(
  meta: Meta,
  { by, horizon, date, against }: TreeView,
  node: string,
  level: string,
): TreeRequest {
  return {
    node,
    horizon,
    depth: 1,
    ...(by ? { by } : {}),
    ...(date ? { date } : {}),
    ...(hasIntervals(meta, by, level) ? { intervals: '80' } : {}),
    ...queryOfBasis(against),
  };
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
  const entries = [...opened];
  const answers = useQueries({
    queries: entries.map(([node, level]) => ({
      ...treeQuery(branchRequest(meta, view, node, level)),
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
