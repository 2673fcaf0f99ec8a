import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { Forecast, History } from '@/api/queries';
import { DAYS_OF_YEAR } from '@/format/dates';
import type { BandOfChart, LineOfChart } from './chart-types';
import {
  actualsOf,
  bandsOf,
  movedOf,
  predictionsOf,
  salesOf,
  statisticalOf,
} from './forecast-series';

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
    const predictions = predictionsOf(forecast.forecast);
    const lines: LineOfChart[] = [
      { id: 'actual', label: t('chart.actual'), tone: 'actual', values: sold },
      {
        id: 'forecast',
        label: t('chart.forecast'),
        tone: 'forecast',
        values: forecast.adjusted ? statisticalOf(forecast.forecast) : predictions,
      },
    ];
    const moved = movedOf(forecast.forecast);
    if (moved.size > 0) {
      lines.push({
        id: 'adjusted',
        label: t('chart.adjusted'),
        tone: 'adjusted',
        values: moved,
      });
    }
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
