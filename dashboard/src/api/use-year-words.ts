import { useTranslation } from 'react-i18next';
import { useFormat } from '@/format/use-format';
import { useNodeLabel } from './nodes';
import type { YearBefore } from './queries';

/** Least part of last year's sales that what is new must add to be spoken of: half a point. */
const NOTABLE = 0.005;

/** Return how a forecast compares with the year before, in words. */
export function useYearWords() {
  const { t } = useTranslation();
  const { share, shareChange, day, number } = useFormat();
  const nodeLabel = useNodeLabel();

  function hasNew({ new_share }: YearBefore): boolean {
    return new_share !== null && Math.abs(new_share) >= NOTABLE;
  }

  /** What is new since, such as a store and the day on which it first sold. */
  function whatIsNew({ new_nodes: [first, ...others] }: YearBefore): string {
    if (first === undefined) return t('year.newSeries');
    const name = nodeLabel(first.node);
    if (others.length > 0) return t('year.newMany', { name, count: others.length });
    return first.first_sale === null
      ? t('year.announced', { name })
      : t('year.newOne', { name, day: day(first.first_sale) });
  }

  function points(year: YearBefore): string {
    return number(100 * (year.new_share ?? 0), 1);
  }

  /** The change as sentences, with what is new; nothing where there is no year before. */
  function sentences(year: YearBefore): string[] {
    const change = year.whole?.change ?? null;
    if (change === null) return [];
    const moreOrLess = (by: number, of: 'whole' | 'comparable') =>
      t(`year.${of}.${by < 0 ? 'less' : 'more'}`, { share: share(Math.abs(by)) });
    const whole = moreOrLess(change, 'whole');
    const comparable = year.comparable?.change ?? null;
    if (!hasNew(year) || comparable === null) return [whole];
    const added = t('year.adds', { what: whatIsNew(year), points: points(year) });
    return [whole, `${added} ${moreOrLess(comparable, 'comparable')}`];
  }

  /** The same for a figure: what stands below the change. */
  function details(year: YearBefore): string[] {
    if (year.whole?.reference === 0 && year.new_nodes.length > 0) return [whatIsNew(year)];
    if (!hasNew(year)) return [];
    return [
      t('year.ofWhich', { what: whatIsNew(year), points: points(year) }),
      t('year.likeForLike', { change: shareChange(year.comparable?.change) }),
    ];
  }

  return { sentences, details };
}
