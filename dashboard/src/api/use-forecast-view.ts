import type { UseQueryResult } from '@tanstack/react-query';
import { addDays, dateWithin, yearBefore } from '@/format/dates';
import { type Meta, useForecast, useHistory, useTree, useYearBefore } from './queries';
import { addSteps, firstAhead, lastOfWindow, newestOf, stepsBefore } from './steps';

export interface ForecastView {
  node: string;
  horizon: number;
  /** First day of the forecast; empty for the one after the newest sales. */
  date: string;
  /** Whether planners' overrides are applied. */
  adjusted?: boolean;
}

/** Return the data of a query where they are of the same request as those of another, old or new. */
function beside<T>(other: UseQueryResult, query: UseQueryResult<T>): T | undefined {
  return query.isPlaceholderData === other.isPlaceholderData ? query.data : undefined;
}

/** The forecast of a node with what was sold before it, in the year before, and in the last period. */
export function useForecastView(meta: Meta, { node, horizon, date, adjusted }: ForecastView) {
  const [oldest, newest] = [meta.data.first as string, newestOf(meta)];
  const known = (day: string) => dateWithin(day, oldest, newest);
  const first = date || firstAhead(meta);
  const last = lastOfWindow(meta, first, horizon);
  const startsAt = date ? { date } : {};
  const forecast = useForecast({
    node,
    horizon,
    period: 'horizon',
    intervals: [80, 95],
    adjusted: adjusted ?? false,
    ...startsAt,
  });
  const past = first <= newest;
  // a forecast that begins later is shown with the newest sales, too
  const shownFrom = addSteps(meta, past ? first : firstAhead(meta), -stepsBefore(meta, horizon));
  const history = useHistory({
    node,
    from: known(shownFrom),
    to: known(addDays(first, -1)),
  });
  const [from, to] = [yearBefore(shownFrom), yearBefore(last)];
  const previous = useHistory(
    { node, from: known(from), to: known(to), limit: 1000 },
    { enabled: to >= oldest && from <= newest },
  );
  const year = useYearBefore(
    { node, horizon, ...startsAt, ...(adjusted ? { adjusted } : {}) },
    { enabled: !past },
  );
  const period = useTree({ node, horizon, depth: 0, ...startsAt });
  return {
    forecast,
    /** Whether something is asked for of which nothing was ever answered. */
    isLoading: [forecast, history, previous, year, period].some((each) => each.isLoading),
    history: beside(forecast, history),
    previous: beside(forecast, previous),
    /** Its sum against the year before, unless the first day is past. */
    year: beside(forecast, year),
    /** The same sum with that of the last period that began on the same weekday. */
    period: beside(forecast, period),
    /** Ask again for what could not be had of the past. */
    retryPast: () => {
      for (const each of [history, previous, year, period]) if (each.error) void each.refetch();
    },
    errorOfPast: history.error ?? previous.error ?? year.error ?? period.error,
    first,
    last,
    /** Whether its first day's sales are known, so that it can be compared with what came. */
    past,
  };
}

export type ForecastData = ReturnType<typeof useForecastView>;
