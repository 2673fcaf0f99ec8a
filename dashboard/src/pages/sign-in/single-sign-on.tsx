import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { goToProvider } from '@/session/redirect';
import type { Provider } from '@/session/session';
import { Button } from '@/ui/button';
import { Card } from '@/ui/layout';
import ui from '@/ui/ui.module.css';
import { KeepChoice } from './keep-choice';
import styles from './sign-in.module.css';
import { SignInFaultNotice } from './sign-in-fault-notice';

/** Sign-in at the organization's own provider. */
export function SingleSignOn({ provider, back }: { provider: Provider; back: string }) {
  const { t } = useTranslation();
  const [keepInTab, setKeepInTab] = useState(false);
  const departure = useMutation({
    mutationFn: () => goToProvider(provider, { back, keepInTab }),
  });
  return (
    <Card title={t('signIn.single.title')}>
      <div className={styles.form}>
        <p className={ui.hint}>
          {t('signIn.single.text', { host: new URL(provider.issuer).host })}
        </p>
        <KeepChoice keep={keepInTab} onChange={setKeepInTab} />
        {departure.error && <SignInFaultNotice error={departure.error} />}
        <Button look="primary" aria-busy={departure.isPending} onClick={() => departure.mutate()}>
          {t('signIn.single.go')}
        </Button>
      </div>
    </Card>
  );
}
