import { useTranslation } from 'react-i18next';
import { EmptyState, Page } from '@/ui/layout';

export default function Keys() {
  const { t } = useTranslation();
  return (
    <Page title={t('keys.title')}>
      <EmptyState>{t('state.empty')}</EmptyState>
    </Page>
  );
}
