import { memo } from 'react';
import { useTranslation } from 'react-i18next';
import { useNodeLabel } from '@/api/nodes';
import type { Forecast, History } from '@/api/queries';
import { TimeChart } from './time-chart';
import { useForecastLines } from './use-forecast-lines';
import { useForecastSentence } from './use-forecast-sentence';

/** Forecast of a node with its intervals, what was sold before, and in the year before. */
export const ForecastChart = memo(function ForecastChart({
  forecast,
  history,
  previous,
  height,
}: {
  forecast: Forecast;
  history: History | undefined;
  previous: History | undefined;
  height?: number;
}) {
  const { t } = useTranslation();
  const sentence = useForecastSentence();
  const nodeLabel = useNodeLabel();
  const { lines, bands } = useForecastLines(forecast, history, previous);
  return (
    <TimeChart
      title={`${t('chart.forecast')}: ${nodeLabel(forecast.node)}`}
      summary={sentence(forecast)}
      lines={lines}
      bands={bands}
      origin={forecast.origin}
      start={forecast.date}
      {...(height ? { height } : {})}
    />
  );
});
