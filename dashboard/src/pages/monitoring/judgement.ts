import type { LiveFigures, Measured } from '@/api/monitoring';

/** Name of all days ahead together. */
const ALL = 'all';

export type Judgement = 'same' | 'better' | 'worse' | 'few';

/** Return the figures of the nearest days ahead, which are known first and matter most. */
export function nearestOf(figures: readonly LiveFigures[]): LiveFigures | undefined {
  return figures.find((each) => each.days_ahead !== ALL);
}

/** Return the figures by days ahead, without those of all together. */
export function byDaysAhead(figures: readonly LiveFigures[]): LiveFigures[] {
  return figures.filter((each) => each.days_ahead !== ALL);
}

/**
 * Judge live errors by those of the training; null where it has none.
 *
 * Errors within their 90 % interval are what chance alone may make of the same model.
 */
export function judge({ wape, recorded }: LiveFigures): Judgement | null {
  const before = recorded?.wape ?? null;
  if (before === null || wape.value === null) return null;
  if (wape.low === null || wape.high === null) return 'few';
  if (wape.low > before) return 'worse';
  return wape.high < before ? 'better' : 'same';
}

/** Return whether last week's same weekday would have been better than the forecasts. */
export function isBeaten({ wape, steps: { seasonal_naive: rule } }: LiveFigures): boolean {
  return wape.value !== null && rule != null && wape.value > rule;
}

/** Return whether intervals held fewer of the sales than they promise, beyond chance. */
export function isNarrow({ high }: Measured, nominal: string): boolean {
  return high !== null && high < Number.parseFloat(nominal) / 100;
}
