import { useTranslation } from 'react-i18next';
import { useNodeLabel } from '@/api/nodes';
import type { Forecast, History } from '@/api/queries';
import { useFormat } from '@/format/use-format';
import { TimeChart } from './time-chart';
import { useForecastLines } from './use-forecast-lines';

/** Forecast of a node with its intervals, what was sold before, and in the year before. */
export function ForecastChart({
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
  const { units, days } = useFormat();
  const nodeLabel = useNodeLabel();
  const { lines, bands } = useForecastLines(forecast, history, previous);
  const sum = forecast.periods[0];
  return (
    <TimeChart
      title={`${t('chart.forecast')}: ${nodeLabel(forecast.node)}`}
      summary={
        sum
          ? t('forecast.lead', {
              days: days(sum.first, sum.last),
              units: units(sum.prediction),
              lower: units(sum.lower_80),
              upper: units(sum.upper_80),
            })
          : ''
      }
      lines={lines}
      bands={bands}
      origin={forecast.origin}
      {...(height ? { height } : {})}
    />
  );
}
