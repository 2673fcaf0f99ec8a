import { useTranslation } from 'react-i18next';
import { reviewOf } from '@/api/comparisons';
import type { Forecast, Meta } from '@/api/queries';
import { useFormat } from '@/format/use-format';
import { Card, EmptyState, Stats } from '@/ui/layout';

/** Return what was said and what came as a sentence, or undefined if nothing came yet. */
export function useReviewSentence(forecast: Forecast | undefined): string | undefined {
  const { t } = useTranslation();
  const { units, day, days, share } = useFormat();
  const review = forecast && reviewOf(forecast);
  if (!forecast || !review) return undefined;
  const error = review.forecast - review.sold;
  const side = error > 0 ? 'high' : error < 0 ? 'low' : 'equal';
  return t(`forecast.review.${side}`, {
    origin: day(forecast.origin),
    days: days(review.first, review.last),
    forecast: units(review.forecast),
    sold: units(review.sold),
    units: units(Math.abs(error)),
    share: review.sold
      ? ` (${t('forecast.review.ofSold', { share: share(Math.abs(error) / review.sold) })})`
      : '',
  });
}

/** What was forecast from a past day, against what was sold since. */
export function ReviewStats({ meta, forecast }: { meta: Meta; forecast: Forecast }) {
  const { t } = useTranslation();
  const { units, share } = useFormat();
  const review = reviewOf(forecast);
  if (review === null) {
    return (
      <Card title={t('forecast.review.title')}>
        <EmptyState>{t('forecast.stats.unknown')}</EmptyState>
      </Card>
    );
  }
  const error = review.forecast - review.sold;
  const weekly = meta.step === 'week';
  const meanSales = review.sold / review.known;
  const length = t(weekly ? 'horizon.weeks' : 'horizon.days', { count: review.days });
  const partly =
    review.known < review.days
      ? t('forecast.review.partly', { known: review.known, length })
      : undefined;
  return (
    <Stats
      items={[
        { label: t('forecast.review.said'), value: units(review.forecast), detail: partly },
        { label: t('forecast.review.sold'), value: units(review.sold) },
        {
          label: t(error < 0 ? 'forecast.review.tooLittle' : 'forecast.review.tooMuch'),
          value: units(Math.abs(error)),
          detail: review.sold
            ? t('forecast.review.ofSold', { share: share(Math.abs(error) / review.sold) })
            : undefined,
        },
        {
          label: t(weekly ? 'forecast.review.weekly' : 'forecast.review.daily'),
          value: units(review.dailyError),
          detail: meanSales
            ? t(weekly ? 'forecast.review.ofSalesWeekly' : 'forecast.review.ofSales', {
                share: share(review.dailyError / meanSales),
              })
            : undefined,
        },
        {
          label: t('forecast.review.within'),
          value: t('forecast.review.count', { known: review.within, all: review.known }),
          detail: t('forecast.review.expected'),
        },
      ]}
    />
  );
}
