import { useTranslation } from 'react-i18next';
import { daysBetween } from '@/format/dates';
import { useFormat } from '@/format/use-format';
import { type Accuracy, type Forecast, type Meta, useAccuracy } from './queries';
import { daysOfStep, newestOf } from './steps';

/** Least difference from what a band promises that is spoken of. */
const NOTABLE = 0.05;

/** Return the shares of days that bands of a level held, for each range of days ahead in a span. */
function heldShares(
  accuracy: Accuracy,
  level: string,
  nominal: number,
  [first, last]: readonly [number, number],
): number[] {
  return accuracy.groups
    .flatMap((group) => group.levels)
    .filter((cell) => {
      const [from = 0, to = from] = cell.days.split('-').map(Number);
      return cell.level === level && from <= last && to >= first;
    })
    .map((cell) => cell.coverage[`${nominal}%`])
    .filter((share): share is number => typeof share === 'number');
}

/**
 * Return what the bands of a forecast's level have held, in a sentence, where that is notably less
 * or more than they promise; else nothing.
 */
export function useHeldSentence(
  meta: Meta,
  forecast: Pick<Forecast, 'level' | 'date' | 'horizon'> | undefined,
  nominal = 80,
): string | undefined {
  const { t } = useTranslation();
  const { share } = useFormat();
  const { data: accuracy } = useAccuracy();
  if (accuracy === undefined || forecast === undefined) return undefined;
  const ahead = Math.max(daysBetween(newestOf(meta), forecast.date) / daysOfStep(meta), 1);
  const span = [ahead, ahead + forecast.horizon - 1] as const;
  const shares = heldShares(accuracy, forecast.level, nominal, span);
  if (shares.length === 0) return undefined;
  const [least, most] = [Math.min(...shares), Math.max(...shares)];
  const side =
    least < nominal / 100 - NOTABLE ? 'narrow' : least > nominal / 100 + NOTABLE ? 'wide' : null;
  if (side === null) return undefined;
  const whole = (value: number) => share(Math.round(100 * value) / 100);
  const range = { least: whole(least), most: whole(most) };
  const held = range.least === range.most ? range.least : t('held.range', range);
  return t(`held.${side}`, { level: nominal, shares: held });
}
