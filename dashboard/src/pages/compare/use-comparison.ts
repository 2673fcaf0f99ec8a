import { useQueries } from '@tanstack/react-query';
import { type Basis, queryOfBasis } from '@/api/basis';
import { forecastQuery, historyQuery, type Meta, treeQuery } from '@/api/queries';
import { addSteps, firstAhead, HISTORY_STEPS } from '@/api/steps';
import { dateWithin } from '@/format/dates';
import type { ComparedNode } from './comparison-lines';

export interface Comparison {
  /** Nodes whose forecast is there, in the order in which they are compared. */
  ready: ComparedNode[];
  failed: { node: string; error: Error; retry: () => void }[];
  loading: boolean;
}

/** The forecasts of several nodes, with the sales before them and those that they compare with. */
export function useComparison(
  meta: Meta,
  nodes: readonly string[],
  { horizon, against }: { horizon: number; against: Basis },
): Comparison {
  const { first: earliest, last: newest } = meta.data as { first: string; last: string };
  const first = firstAhead(meta);
  const shownFrom = addSteps(meta, first, -HISTORY_STEPS[meta.step]);
  const from = dateWithin(shownFrom, earliest, newest);

  const forecasts = useQueries({
    queries: nodes.map((node) =>
      forecastQuery({ node, horizon, period: 'horizon', intervals: [80] }),
    ),
  });
  const histories = useQueries({
    queries: nodes.map((node) => historyQuery({ node, from, to: newest })),
  });
  const sums = useQueries({
    queries: nodes.map((node) => treeQuery({ node, horizon, depth: 0, ...queryOfBasis(against) })),
  });
  const of = nodes.map((node, at) => ({
    node,
    forecast: forecasts[at],
    history: histories[at],
    earlier: sums[at],
  }));
  return {
    ready: of.flatMap((each) =>
      each.forecast?.data
        ? [
            {
              node: each.node,
              forecast: each.forecast.data,
              history: each.history?.data,
              earlier: each.earlier?.data,
            },
          ]
        : [],
    ),
    failed: of.flatMap(({ node, ...calls }) => {
      const call = Object.values(calls).find((each) => each?.error);
      return call?.error ? [{ node, error: call.error, retry: () => void call.refetch() }] : [];
    }),
    loading: [...forecasts, ...histories, ...sums].some((each) => each.isLoading),
  };
}
