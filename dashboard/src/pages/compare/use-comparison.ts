import { useQueries } from '@tanstack/react-query';
import { forecastQuery, historyQuery, type Meta } from '@/api/queries';
import { addSteps, firstAhead, HISTORY_STEPS, lastOfWindow } from '@/api/steps';
import { dateWithin, yearBefore } from '@/format/dates';
import type { ComparedNode } from './comparison-lines';

export interface Comparison {
  /** Nodes whose forecast is there, in the order in which they are compared. */
  ready: ComparedNode[];
  failed: { node: string; error: Error; retry: () => void }[];
  loading: boolean;
}

/** The forecasts of several nodes, with the sales before them and those of the year before. */
export function useComparison(meta: Meta, nodes: readonly string[], horizon: number): Comparison {
  const { first: earliest, last: newest } = meta.data as { first: string; last: string };
  const first = firstAhead(meta);
  const last = lastOfWindow(meta, first, horizon);
  const shownFrom = addSteps(meta, first, -HISTORY_STEPS[meta.step]);
  const from = dateWithin(shownFrom, earliest, newest);
  const hasYearBefore = yearBefore(first) >= earliest && yearBefore(last) <= newest;

  const forecasts = useQueries({
    queries: nodes.map((node) =>
      forecastQuery({ node, horizon, period: 'horizon', intervals: [80] }),
    ),
  });
  const histories = useQueries({
    queries: nodes.map((node) => historyQuery({ node, from, to: newest })),
  });
  const previous = useQueries({
    queries: nodes.map((node) => ({
      ...historyQuery({ node, from: yearBefore(first), to: yearBefore(last), limit: 365 }),
      enabled: hasYearBefore,
    })),
  });
  const of = nodes.map((node, at) => ({
    node,
    forecast: forecasts[at],
    history: histories[at],
    previous: previous[at],
  }));
  return {
    ready: of.flatMap((each) =>
      each.forecast?.data
        ? [
            {
              node: each.node,
              forecast: each.forecast.data,
              history: each.history?.data,
              previous: each.previous?.data,
            },
          ]
        : [],
    ),
    failed: of.flatMap(({ node, ...calls }) => {
      const call = Object.values(calls).find((each) => each?.error);
      return call?.error ? [{ node, error: call.error, retry: () => void call.refetch() }] : [];
    }),
    loading: [...forecasts, ...histories, ...previous].some((each) => each.isLoading),
  };
}
