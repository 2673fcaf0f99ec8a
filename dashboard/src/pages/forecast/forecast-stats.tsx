import { useTranslation } from 'react-i18next';
import { shareAbove } from '@/api/comparisons';
import type { Forecast, Meta } from '@/api/queries';
import { addSteps } from '@/api/steps';
import type { ForecastData } from '@/api/use-forecast-view';
import { useYearWords } from '@/api/use-year-words';
import { isMoved } from '@/charts/forecast-series';
import { daysBetween } from '@/format/dates';
import { useFormat } from '@/format/use-format';
import { Lines, type StatProps, Stats } from '@/ui/layout';

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
  const statistical = forecast.forecast.some(isMoved) ? sum.statistical : undefined;
  const bands = sum.intervals.map(({ level, lower, upper }) => (
    <div key={level}>
      {t('forecast.stats.band', { level, lower: units(lower), upper: units(upper) })}
    </div>
  ));
  return (
    <Stats
      items={[
        {
          label: t('forecast.stats.sum', { length, count: sum.days }),
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
  const { details } = useYearWords();
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
  const items = [yearStat()];
  const before = view.period?.previous_date;
  if (view.period) {
    const span = before ? days(before, addSteps(meta, before, sum.days - 1)) : '';
    const name = meta.step === 'day' ? 'periodWeeks' : 'periodOfWeeks';
    const label = before
      ? t(`forecast.stats.${name}`, { count: daysBetween(before, sum.first) / 7 })
      : t('forecast.stats.period');
    items.push(against(label, view.period.tree.previous, span));
  }
  return items;

  function yearStat(): StatProps {
    const { year } = view;
    const label = t('forecast.stats.year');
    if (!year?.whole || !year.previous_first || !year.previous_last) {
      return { label, value: shareChange(null), detail: year && t('forecast.stats.unknown') };
    }
    const span = days(year.previous_first, year.previous_last);
    const sold = t('forecast.stats.sold', { units: units(year.whole.reference), days: span });
    const detail = <Lines items={[sold, ...details(year)]} />;
    return { label, value: shareChange(year.whole.change), detail };
  }
}
