import { useTranslation } from 'react-i18next';
import { type Forecast, type Meta, useHealth } from '@/api/queries';
import { newestOf } from '@/api/steps';
import type { ForecastData } from '@/api/use-forecast-view';
import { useHeldSentence } from '@/api/use-held-words';
import { useYearWords } from '@/api/use-year-words';
import { useFormat } from '@/format/use-format';
import { Lines, Skeleton, type StatProps, Stats } from '@/ui/layout';
import styles from './overview.module.css';

/** The figures of the whole retailer, and the age of what they rest on. */
export function OverviewStats({
  meta,
  view,
  week,
}: {
  meta: Meta;
  view: ForecastData;
  /** Forecast of the next week alone. */
  week: Forecast | undefined;
}) {
  const { t } = useTranslation();
  const { day, units, shareChange } = useFormat();
  const { details } = useYearWords();
  const health = useHealth();
  const forecast = view.forecast.isPlaceholderData ? undefined : view.forecast.data;
  const held = useHeldSentence(meta, forecast);
  const sum = forecast?.periods[0];
  const isComparing = view.year === undefined && !view.errorOfPast;
  if (forecast === undefined || sum === undefined || isComparing) {
    return view.forecast.error ? null : (
      <div className={styles.statsPlace}>
        <Skeleton height="100%" />
      </div>
    );
  }
  const length = t(meta.step === 'day' ? 'horizon.days' : 'horizon.weeks', { count: sum.days });
  const { year } = view;
  // the demo's data are always old, which a notice says
  const age = health.data?.demo ? undefined : health.data?.data_age_days;
  const sums: StatProps[] = [
    sumStat(t('overview.stats.week'), week),
    sumStat(t('overview.stats.all', { length }), forecast),
  ];

  function sumStat(label: string, of: Forecast | undefined): StatProps {
    const period = of?.periods[0];
    return {
      label,
      value: units(period?.prediction),
      detail:
        period &&
        t('overview.stats.band', { lower: units(period.lower_80), upper: units(period.upper_80) }),
    };
  }

  return (
    <div className={styles.figures}>
      <Stats
        items={[
          ...sums,
          {
            label: t('overview.stats.year'),
            value: shareChange(year?.whole?.change),
            detail:
              year?.whole === null ? (
                t('forecast.stats.unknown')
              ) : (
                <Lines items={year ? details(year) : []} />
              ),
          },
          {
            label: t('overview.stats.known'),
            value: day(newestOf(meta)),
            detail: age !== undefined && t('overview.stats.age', { count: age }),
          },
          {
            label: t('overview.stats.release'),
            value: day(meta.model_trained_through),
            detail: <span className={styles.release}>{meta.model_version}</span>,
          },
        ]}
      />
      {held && <p className={styles.means}>{held}</p>}
    </div>
  );
}
