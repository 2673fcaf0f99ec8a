import { useTranslation } from 'react-i18next';
import type { Override } from '@/api/overrides';
import { useFormat } from '@/format/use-format';
import { percentOfFactor } from './operand';

type Operation = Pick<Override, 'op' | 'value' | 'spread' | 'first' | 'last'>;

/** Return what an override does, in plain words, such as `Raised by 10 % (× 1.1)`. */
export function useOperationText(): (operation: Operation) => string {
  const { t } = useTranslation();
  const format = useFormat();
  return ({ op, value, spread, first, last }) => {
    if (op === 'multiply') {
      const percent = percentOfFactor(value);
      const names = {
        share: format.share(Math.abs(percent) / 100),
        factor: format.number(value, 4),
      };
      if (percent === 0) return t('plan.operation.same');
      return t(percent > 0 ? 'plan.operation.raise' : 'plan.operation.lower', names);
    }
    const way = first === last ? 'once' : spread;
    const units = op === 'add' ? format.change(value) : format.units(value);
    return t(`plan.operation.${op}.${way}`, { units });
  };
}
