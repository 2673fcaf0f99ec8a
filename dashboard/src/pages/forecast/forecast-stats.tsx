import { useTranslation } from 'react-i18next';
import { shareAbove, yearBeforeSum } from '@/api/comparisons';
import type { Forecast, Meta } from '@/api/queries';
import { addSteps } from '@/api/steps';
import type { ForecastData } from '@/api/use-forecast-view';
import { yearBefore } from '@/format/dates';
import { useFormat } from '@/format/use-format';
import { type StatProps, Stats } from '@/ui/layout';

/** The sum of a forecast with its intervals, and how it compares with the past. */
export function ForecastStats({
  meta,
  forecast,
  view,
}: {
  meta: Meta;
  forecast: Forecast;
  view: ForecastData;
}) {
  const { t } = useTranslation();
  const { units, change, day } = useFormat();
  const comparisons = useComparisons(meta, forecast, view);
  const sum = forecast.periods[0];
  if (sum === undefined) return null;
  const length = t(meta.step === 'day' ? 'horizon.days' : 'horizon.weeks', { count: sum.days });
  const statistical = forecast.adjusted ? sum.statistical : undefined;
  const bands = sum.intervals.map(({ level, lower, upper }) => (
    <div key={level}>
      {t('forecast.stats.band', { level, lower: units(lower), upper: units(upper) })}
    </div>
  ));
  return (
    <Stats
      items={[
        {
          label: t('forecast.stats.sum', { length }),
          value: units(sum.prediction),
          detail:
            statistical !== undefined
              ? t('forecast.overrides.moved', {
                  change: change(sum.prediction - statistical),
                })
              : bands,
        },
        ...(statistical !== undefined
          ? [
              {
                label: t('forecast.overrides.without'),
                value: units(statistical),
                detail: bands,
              },
            ]
          : []),
        ...comparisons,
        {
          label: t('forecast.stats.method'),
          value: t(`method.${forecast.method}`),
          detail: t('forecast.stats.rests', { day: day(forecast.origin) }),
        },
      ]}
    />
  );
}

function useComparisons(meta: Meta, forecast: Forecast, view: ForecastData): StatProps[] {
  const { t } = useTranslation();
  const { units, days, shareChange } = useFormat();
  const sum = forecast.periods[0];
  if (sum === undefined) return [];
  const against = (label: string, sold: number | null | undefined, span: string) => ({
    label,
    value: shareChange(shareAbove(sum.prediction, sold)),
    detail:
      sold === null || sold === undefined
        ? t('forecast.stats.unknown')
        : t('forecast.stats.sold', { units: units(sold), days: span }),
  });
  const items: StatProps[] = [];
  const [first, last] = [yearBefore(sum.first), yearBefore(sum.last)];
  items.push(
    against(t('forecast.stats.year'), yearBeforeSum(forecast, view.previous), days(first, last)),
  );
  const before = view.period?.previous_date;
  if (view.period) {
    const span = before ? days(before, addSteps(meta, before, sum.days - 1)) : '';
    items.push(against(t('forecast.stats.period'), view.period.tree.previous, span));
  }
  return items;
}
