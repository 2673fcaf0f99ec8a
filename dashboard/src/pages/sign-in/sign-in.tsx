import { useTranslation } from 'react-i18next';
import { EmptyState, Page } from '@/ui/layout';

export default function SignIn() {
  const { t } = useTranslation();
  return (
    <Page title={t('signIn.title')}>
      <EmptyState>{t('state.empty')}</EmptyState>
    </Page>
  );
}
