import { useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { useCovariateLabel } from '@/api/nodes';
import type { Forecast } from '@/api/queries';
import type { ForecastData } from '@/api/use-forecast-view';
import { ForecastChart } from '@/charts/forecast-chart';
import { isMoved } from '@/charts/forecast-series';
import { useFormat } from '@/format/use-format';
import { CheckField } from '@/ui/check-field';
import { CopyLink } from '@/ui/copy-link';
import { Card, Notice } from '@/ui/layout';
import { ProblemNotice } from '@/ui/problem-notice';
import styles from './forecast.module.css';
import { ForecastDownloads } from './forecast-downloads';

/** The chart of a forecast, what it rests on, and its files. */
export function ForecastCard({
  forecast,
  view,
  adjusted,
  onAdjust,
}: {
  forecast: Forecast;
  view: ForecastData;
  adjusted: boolean;
  /** Left out where overrides cannot be applied. */
  onAdjust: ((adjusted: boolean) => void) | undefined;
}) {
  const { t } = useTranslation();
  const card = useRef<HTMLDivElement>(null);
  const loading = view.forecast.isPlaceholderData;
  const isChanged = forecast.forecast.some(isMoved);
  return (
    <Card
      actions={
        <>
          {onAdjust && (
            <CheckField
              label={t('forecast.overrides.toggle')}
              checked={adjusted}
              onChange={onAdjust}
            />
          )}
          <ForecastDownloads forecast={forecast} view={view} chart={card} />
          <CopyLink />
        </>
      }
    >
      <div ref={card} className={styles.content} aria-busy={loading}>
        {forecast.degraded && <Notice tone="warn">{t('forecast.basis.degraded')}</Notice>}
        {forecast.adjusted && (
          <Notice>{t(`forecast.overrides.${isChanged ? 'intervals' : 'none'}`)}</Notice>
        )}
        {view.errorOfPast && (
          <>
            <p>{t('forecast.basis.past')}</p>
            <ProblemNotice error={view.errorOfPast} retry={view.retryPast} />
          </>
        )}
        <ForecastChart forecast={forecast} history={view.history} previous={view.previous} />
        <Basis forecast={forecast} />
      </div>
    </Card>
  );
}

/** The model and the data that a forecast rests on. */
function Basis({ forecast }: { forecast: Forecast }) {
  const { t } = useTranslation();
  const covariateLabel = useCovariateLabel();
  const { day, list } = useFormat();
  const known = Object.entries(forecast.known_through).map(([name, until]) =>
    t('forecast.basis.until', { name: covariateLabel(name), day: day(until) }),
  );
  return (
    <p className={styles.basis}>
      {t('forecast.basis.model', {
        version: forecast.model_version,
        trained: day(forecast.model_trained_through),
        origin: day(forecast.origin),
      })}{' '}
      {known.length > 0 && t('forecast.basis.known', { list: list(known) })}
    </p>
  );
}
