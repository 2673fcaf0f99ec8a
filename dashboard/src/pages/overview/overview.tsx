import { useTranslation } from 'react-i18next';
import { EmptyState, Page } from '@/ui/layout';

export default function Overview() {
  const { t } = useTranslation();
  return (
    <Page title={t('overview.title')}>
      <EmptyState>{t('state.empty')}</EmptyState>
    </Page>
  );
}
