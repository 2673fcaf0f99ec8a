import { useTranslation } from 'react-i18next';
import { SignInError } from '@/session/oidc';
import { Notice } from '@/ui/layout';
import { ProblemNotice } from '@/ui/problem-notice';

/** Why a single sign-on failed, and what to do; a refusal of the API has the API's own words. */
export function SignInFaultNotice({ error }: { error: Error }) {
  const { t } = useTranslation();
  if (!(error instanceof SignInError)) return <ProblemNotice error={error} />;
  return (
    <Notice tone="error" title={t('signIn.fault.title')}>
      <p>{t(`signIn.fault.${error.fault}`)}</p>
      {error.detail && (
        <p>
          {t('signIn.fault.said')} <code>{error.detail}</code>
        </p>
      )}
    </Notice>
  );
}
