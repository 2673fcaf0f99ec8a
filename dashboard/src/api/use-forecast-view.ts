import type { UseQueryResult } from '@tanstack/react-query';
import { addDays, yearBefore } from '@/format/dates';
import { type Meta, useForecast, useHistory, useTree } from './queries';
import { addSteps, newestOf } from './steps';

/** Steps of sales that are shown before a forecast. */
const HISTORY_STEPS = { day: 56, week: 26 } as const;

export interface ForecastView {
  node: string;
  horizon: number;
  /** First day of the forecast; empty for the one after the newest sales. */
  date: string;
  /** Whether planners' overrides are applied. */
  adjusted?: boolean;
}

/** Return the data of a query, but not those of the request before it. */
function current<T>(query: UseQueryResult<T>): T | undefined {
  return query.isPlaceholderData ? undefined : query.data;
}

function within(iso: string, [first, last]: readonly [string, string]): string {
  return iso < first ? first : iso > last ? last : iso;
}

/** The forecast of a node with what was sold before it, in the year before, and in the last period. */
export function useForecastView(meta: Meta, { node, horizon, date, adjusted }: ForecastView) {
  const known = [meta.data.first as string, newestOf(meta)] as const;
  const first = date || addSteps(meta, known[1], 1);
  const last = addSteps(meta, first, horizon - 1);
  const startsAt = date ? { date } : {};
  const forecast = useForecast({
    node,
    horizon,
    period: 'horizon',
    intervals: [80, 95],
    adjusted: adjusted ?? false,
    ...startsAt,
  });
  const shownFrom = addSteps(meta, first, -HISTORY_STEPS[meta.step]);
  const history = useHistory({
    node,
    from: within(shownFrom, known),
    to: within(addDays(first, -1), known),
  });
  const [from, to] = [yearBefore(shownFrom), yearBefore(last)];
  const previous = useHistory(
    { node, from: within(from, known), to: within(to, known), limit: 1000 },
    { enabled: to >= known[0] && from <= known[1] },
  );
  const period = useTree({ node, horizon, depth: 0, ...startsAt });
  return {
    forecast,
    history: current(history),
    previous: current(previous),
    /** The same sum with that of the last period that began on the same weekday. */
    period: current(period),
    errorOfPast: history.error ?? previous.error ?? period.error,
    first,
    last,
    /** Whether its first day's sales are known, so that it is what was said then. */
    past: first <= known[1],
  };
}

export type ForecastData = ReturnType<typeof useForecastView>;
