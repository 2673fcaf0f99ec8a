import { useTranslation } from 'react-i18next';
import { CheckField } from '@/ui/check-field';

/** Whether a key or token outlives a reload of the page. */
export function KeepChoice({
  keep,
  onChange,
}: {
  keep: boolean;
  onChange: (keep: boolean) => void;
}) {
  const { t } = useTranslation();
  return (
    <CheckField
      label={t('signIn.keep.label')}
      hint={t(keep ? 'signIn.keep.inTab' : 'signIn.keep.inMemory')}
      checked={keep}
      onChange={onChange}
    />
  );
}
