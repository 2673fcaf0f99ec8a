import { useTranslation } from 'react-i18next';
import { useForecast } from '@/api/queries';
import type { ForecastView } from '@/api/use-forecast-view';
import { isMoved } from '@/charts/forecast-series';
import { useFormat } from '@/format/use-format';
import { linkTo } from '@/url/links';
import { ButtonLink } from './button';
import { Notice } from './layout';
import ui from './ui.module.css';

/** That saved overrides change a forecast which is shown without them, if any do. */
export function OverriddenNotice({ node, horizon, date }: ForecastView) {
  const { t } = useTranslation();
  const { units, change } = useFormat();
  const { data, isPlaceholderData } = useForecast({
    ...{ node, horizon, adjusted: true, period: 'horizon', intervals: [80] },
    ...(date ? { date } : {}),
  });
  const sum = data?.periods[0];
  if (sum === undefined || isPlaceholderData || !data?.forecast.some(isMoved)) return null;
  return (
    <Notice title={t('overridden.title')}>
      <p>
        {t('overridden.text', {
          units: units(sum.prediction),
          change: change(sum.prediction - (sum.statistical ?? sum.prediction)),
        })}
      </p>
      <div className={ui.toolbar}>
        <ButtonLink href={linkTo('forecast', { node, horizon, date, adjusted: 1 })}>
          {t('overridden.show')}
        </ButtonLink>
        <ButtonLink href={linkTo('plan', { node })}>{t('overridden.list')}</ButtonLink>
      </div>
    </Notice>
  );
}
