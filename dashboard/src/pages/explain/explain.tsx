import { useTranslation } from 'react-i18next';
import { EmptyState, Page } from '@/ui/layout';

export default function Explain() {
  const { t } = useTranslation();
  return (
    <Page title={t('explain.title')}>
      <EmptyState>{t('state.empty')}</EmptyState>
    </Page>
  );
}
