import { useTranslation } from 'react-i18next';
import { EmptyState, Page } from '@/ui/layout';

export default function Status() {
  const { t } = useTranslation();
  return (
    <Page title={t('status.title')}>
      <EmptyState>{t('state.empty')}</EmptyState>
    </Page>
  );
}
