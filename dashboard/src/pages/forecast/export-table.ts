import type { TFunction } from 'i18next';
import type { Forecast, History } from '@/api/queries';
import type { ExportTable } from '@/charts/export/table';
import { salesOf, statisticalOf } from '@/charts/forecast-series';
import { DAYS_OF_YEAR } from '@/format/dates';

/** Return the days of a forecast as a table: what the chart shows from the first day on. */
export function exportTable(
  t: TFunction,
  forecast: Forecast,
  previous: History | undefined,
): ExportTable {
  const yearBefore = salesOf(previous, DAYS_OF_YEAR);
  const statistical = statisticalOf(forecast.forecast);
  const levels = forecast.forecast[0]?.intervals.map((each) => each.level) ?? [];
  const numeric = [
    ...(forecast.adjusted ? [t('chart.forecast'), t('chart.adjusted')] : [t('chart.forecast')]),
    ...levels.flatMap((level) => [t('chart.lower', { level }), t('chart.upper', { level })]),
    t('chart.actual'),
    t('chart.previous'),
  ];
  return {
    columns: [
      { label: t('chart.date'), kind: 'day' },
      ...numeric.map((label) => ({ label, kind: 'number' as const })),
    ],
    rows: forecast.forecast.map((each) => [
      each.date,
      ...(forecast.adjusted
        ? [statistical.get(each.date) ?? null, each.prediction]
        : [each.prediction]),
      ...levels.flatMap((level) => {
        const interval = each.intervals.find((of) => of.level === level);
        return [interval?.lower ?? null, interval?.upper ?? null];
      }),
      each.actual,
      yearBefore.get(each.date) ?? null,
    ]),
  };
}
