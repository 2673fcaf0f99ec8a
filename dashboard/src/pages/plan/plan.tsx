import { useTranslation } from 'react-i18next';
import { EmptyState, Page } from '@/ui/layout';

export default function Plan() {
  const { t } = useTranslation();
  return (
    <Page title={t('plan.title')}>
      <EmptyState>{t('state.empty')}</EmptyState>
    </Page>
  );
}
