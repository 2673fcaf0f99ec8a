import { useTranslation } from 'react-i18next';
import { type Basis, weeksOfBasis } from '@/api/basis';
import type { Meta } from '@/api/queries';
import { Segments } from './field';

/** Choice of the earlier sales that a forecast is compared with. */
export function BasisChoice({
  meta,
  horizon,
  value,
  onChange,
}: {
  meta: Meta;
  horizon: number;
  value: Basis;
  onChange: (basis: Basis) => void;
}) {
  const { t } = useTranslation();
  const count = weeksOfBasis(meta, 'period', horizon);
  return (
    <Segments
      label={t('basis.label')}
      value={value}
      choices={[
        { value: 'year', label: t('basis.year') },
        { value: 'period', label: t('basis.period', { count }) },
      ]}
      onChange={onChange}
    />
  );
}
