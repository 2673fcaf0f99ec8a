import { useTranslation } from 'react-i18next';
import { EmptyState, Page } from '@/ui/layout';

export default function Tree() {
  const { t } = useTranslation();
  return (
    <Page title={t('tree.title')}>
      <EmptyState>{t('state.empty')}</EmptyState>
    </Page>
  );
}
