import type { TFunction } from 'i18next';
import type { DayForecast, Forecast } from '@/api/queries';
import type { ForecastData } from '@/api/use-forecast-view';
import type { ExportTable } from '@/charts/export/table';
import { isMoved, salesOf } from '@/charts/forecast-series';
import { DAYS_OF_YEAR } from '@/format/dates';

/** Return the days of a forecast as a table: what the chart shows from the first day on. */
export function exportTable(
  t: TFunction,
  forecast: Forecast,
  { previous, year }: Pick<ForecastData, 'previous' | 'year'>,
): ExportTable {
  const yearBefore = salesOf(previous, DAYS_OF_YEAR);
  const adjusted = forecast.forecast.some(isMoved);
  const [sum] = forecast.periods;
  // of a horizon of more than a year, the API compares a part
  const before = year?.last === sum?.last ? year?.whole?.reference : undefined;
  const levels = forecast.forecast[0]?.intervals.map((each) => each.level) ?? [];
  const numeric = [
    ...(adjusted ? [t('chart.forecast'), t('chart.adjusted')] : [t('chart.forecast')]),
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
      ...unitsOf(each, levels, adjusted),
      yearBefore.get(each.date) ?? null,
    ]),
    ...(sum && {
      total: [t('forecast.export.total'), ...unitsOf(sum, levels, adjusted), before ?? null],
    }),
  };
}

type Units = Pick<DayForecast, 'prediction' | 'statistical' | 'intervals' | 'actual'>;

/** Return the units of a day or of the sum of the days, in the order of the columns. */
function unitsOf(
  { prediction, statistical, intervals, actual }: Units,
  levels: readonly number[],
  adjusted: boolean,
): (number | null)[] {
  return [
    ...(adjusted ? [statistical ?? null, prediction] : [prediction]),
    ...levels.flatMap((level) => {
      const interval = intervals.find((of) => of.level === level);
      return [interval?.lower ?? null, interval?.upper ?? null];
    }),
    actual,
  ];
}
