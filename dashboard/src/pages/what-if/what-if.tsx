import { useTranslation } from 'react-i18next';
import { EmptyState, Page } from '@/ui/layout';

export default function WhatIf() {
  const { t } = useTranslation();
  return (
    <Page title={t('whatIf.title')}>
      <EmptyState>{t('state.empty')}</EmptyState>
    </Page>
  );
}
