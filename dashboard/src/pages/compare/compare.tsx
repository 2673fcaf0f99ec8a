import { useTranslation } from 'react-i18next';
import { EmptyState, Page } from '@/ui/layout';

export default function Compare() {
  const { t } = useTranslation();
  return (
    <Page title={t('compare.title')}>
      <EmptyState>{t('state.empty')}</EmptyState>
    </Page>
  );
}
