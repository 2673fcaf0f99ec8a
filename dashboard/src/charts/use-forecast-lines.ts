import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { Forecast, History } from '@/api/queries';
import { statisticalOf } from '@/charts/forecast-series';
import { DAYS_OF_YEAR } from '@/format/dates';
import { actualsOf, bandsOf, predictionsOf, salesOf } from './forecast-series';
import type { BandOfChart, LineOfChart } from './time-chart';

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
    if (forecast.adjusted) {
      lines.push({
        id: 'adjusted',
        label: t('chart.adjusted'),
        tone: 'adjusted',
        values: predictions,
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
