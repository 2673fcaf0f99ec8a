import { useTranslation } from 'react-i18next';
import { EmptyState, Page } from '@/ui/layout';

export default function Quality() {
  const { t } = useTranslation();
  return (
    <Page title={t('quality.title')}>
      <EmptyState>{t('state.empty')}</EmptyState>
    </Page>
  );
}
