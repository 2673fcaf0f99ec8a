import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { type Forecast, type History, type Meta, useForecast, useHistory } from '@/api/queries';
import { actualsOf, bandsOf, predictionsOf, salesOf } from '@/charts/forecast-series';
import type { BandOfChart, LineOfChart } from '@/charts/time-chart';
import { addDays, yearBefore } from '@/format/dates';

const HISTORY_DAYS = 56;
const DAYS_OF_YEAR = 364;

export interface ForecastView {
  node: string;
  horizon: number;
  /** First day of the forecast; empty for the day after the newest sales. */
  date: string;
}

/** The forecast of a node with what was sold before it, and in the year before. */
export function useForecastSeries(meta: Meta, view: ForecastView) {
  const { node, horizon, date } = view;
  const first = date || addDays(meta.data.last as string, 1);
  const last = addDays(first, horizon - 1);
  const earliest = meta.data.first as string;
  const latest = (wanted: string) => (wanted < earliest ? earliest : wanted);
  const shownFrom = latest(addDays(first, -HISTORY_DAYS));
  const forecast = useForecast({
    node,
    horizon,
    period: 'horizon',
    intervals: [80, 95],
    ...(date ? { date } : {}),
  });
  const history = useHistory({ node, from: shownFrom, to: addDays(first, -1) });
  const yearAgo = yearBefore(last) >= earliest;
  const previous = useHistory(
    { node, from: latest(yearBefore(shownFrom)), to: yearBefore(last), limit: 365 },
    { enabled: yearAgo },
  );
  return { forecast, history, previous, first, last };
}

/** Lines and bands of the chart of a forecast. */
export function useForecastLines(
  forecast: Forecast,
  history: History | undefined,
  previous: History | undefined,
): { lines: LineOfChart[]; bands: BandOfChart[] } {
  const { t } = useTranslation();
  return useMemo(() => {
    const sold = new Map([...salesOf(history), ...actualsOf(forecast.forecast)]);
    const yearBeforeSales = salesOf(previous, DAYS_OF_YEAR);
    const lines: LineOfChart[] = [
      { id: 'actual', label: t('chart.actual'), tone: 'actual', values: sold },
      {
        id: 'forecast',
        label: t('chart.forecast'),
        tone: 'forecast',
        values: predictionsOf(forecast.forecast),
      },
    ];
    if (yearBeforeSales.size > 0) {
      lines.push({
        id: 'previous',
        label: t('chart.previous'),
        tone: 'previous',
        dashed: true,
        values: yearBeforeSales,
      });
    }
    const bands = bandsOf(forecast.forecast, (level) => t('chart.band', { level }));
    return { lines, bands };
  }, [forecast, history, previous, t]);
}
