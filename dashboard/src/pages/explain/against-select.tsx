import { useTranslation } from 'react-i18next';
import type { Meta } from '@/api/queries';
import { lastOfWindow } from '@/api/steps';
import { SelectField } from '@/ui/field';
import type { Reference, ReferenceKind } from './references';
import { useReferenceName } from './use-difference';
import { capital } from './use-steps';

/** Choice of what a forecast is compared with; what cannot be forecast is not offered. */
export function AgainstSelect({
  meta,
  references,
  horizon,
  value,
  onChange,
}: {
  meta: Pick<Meta, 'step'>;
  references: readonly Reference[];
  horizon: number;
  value: ReferenceKind;
  onChange: (kind: ReferenceKind) => void;
}) {
  const { t } = useTranslation();
  const name = useReferenceName();
  return (
    <SelectField<ReferenceKind>
      label={t('explain.against')}
      value={value}
      choices={[
        ...references.map((each) => ({
          value: each.kind,
          label: capital(name(each, lastOfWindow(meta, each.date, each.horizon), horizon)),
        })),
        { value: 'average', label: t('explain.average') },
      ]}
      onChange={onChange}
    />
  );
}
