import { useTranslation } from 'react-i18next';
import type { LiveFigures, Measured } from '@/api/monitoring';
import { useStep } from '@/api/queries';
import { readableRange } from '@/format/days-ahead';
import { useFormat } from '@/format/use-format';
import { isBeaten, judge } from './judgement';

/** Return the function that says in words how right forecasts were, and what that means. */
export function useVerdict(): (whose: string, figures: LiveFigures) => string {
  const { t } = useTranslation();
  const { share } = useFormat();
  const step = useStep();
  return (whose, figures) => {
    const { wape, steps, recorded, days, days_ahead } = figures;
    const range =
      wape.low === null
        ? ''
        : t('monitoring.range', { low: share(wape.low), high: share(wape.high) });
    const off = t(`monitoring.off.${step}`, {
      ...{ whose, range, count: days },
      days: readableRange(days_ahead),
      wape: share(wape.value),
    });
    const rule = steps.seasonal_naive;
    const beside = rule == null ? '.' : t(`monitoring.beside.${step}`, { rule: share(rule) });
    const judgement = judge(figures);
    const sentences = [
      `${off}${beside}`,
      judgement && t(`monitoring.judgement.${judgement}`, { recorded: share(recorded?.wape) }),
      isBeaten(figures) && t('monitoring.judgement.beaten'),
    ];
    return sentences.filter(Boolean).join(' ');
  };
}

/** Return the function that writes the interval of a measure; a dash where it is not known. */
export function useRange(): (measured: Measured | undefined) => string {
  const { t } = useTranslation();
  const { share } = useFormat();
  return (measured) =>
    measured === undefined || measured.low === null
      ? '–'
      : t('monitoring.live.interval', { low: share(measured.low), high: share(measured.high) });
}
