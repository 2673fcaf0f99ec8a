import { useTranslation } from 'react-i18next';
import { EmptyState, Page } from '@/ui/layout';

export default function Batch() {
  const { t } = useTranslation();
  return (
    <Page title={t('batch.title')}>
      <EmptyState>{t('state.empty')}</EmptyState>
    </Page>
  );
}
