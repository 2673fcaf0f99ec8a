import { useTranslation } from 'react-i18next';
import type { Forecast } from '@/api/queries';
import { useFormat } from '@/format/use-format';
import { isMoved } from './forecast-series';

/**
 * Return how a forecast is said in a sentence.
 *
 * With overrides, the interval stands by the model's own sum: it is not one of the adjusted sum.
 */
export function useForecastSentence(): (forecast: Forecast | undefined) => string {
  const { t } = useTranslation();
  const { days, units } = useFormat();
  return (forecast) => {
    const sum = forecast?.periods[0];
    if (forecast === undefined || sum === undefined) return '';
    const values = {
      days: days(sum.first, sum.last),
      units: units(sum.prediction),
      lower: units(sum.lower_80),
      upper: units(sum.upper_80),
    };
    return forecast.forecast.some(isMoved)
      ? t('forecast.leadAdjusted', { ...values, statistical: units(sum.statistical) })
      : t('forecast.lead', values);
  };
}
