import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Problem } from '@/api/problems';
import { callerOf } from '@/session/caller';
import { ApiText } from '@/ui/api-text';
import { Button } from '@/ui/button';
import { Card, Notice } from '@/ui/layout';
import { ProblemNotice } from '@/ui/problem-notice';
import { KeepChoice } from './keep-choice';
import { SecretField } from './secret-field';
import styles from './sign-in.module.css';
import { useEnter } from './use-enter';

/** Sign-in by a key. It is tried on the API before it is used. */
export function KeyForm({ back, first }: { back: string; first: boolean }) {
  const { t } = useTranslation();
  const [key, setKey] = useState('');
  const [keepInTab, setKeepInTab] = useState(false);
  const enter = useEnter();
  const check = useMutation({
    mutationFn: (secret: string) => callerOf(secret),
    onSuccess: (_, secret) => enter({ kind: 'key', secret }, { keepInTab, back }),
  });
  return (
    <Card title={t('signIn.key.title')}>
      <form
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault();
          const secret = key.trim(); // a copied key often ends with a line break
          if (secret !== '' && !check.isPending) check.mutate(secret);
        }}
      >
        <SecretField
          label={t('signIn.key.label')}
          hint={t('signIn.key.hint')}
          value={key}
          onChange={setKey}
        />
        <KeepChoice keep={keepInTab} onChange={setKeepInTab} />
        {check.error && <KeyFault error={check.error} />}
        <Button type="submit" look={first ? 'primary' : 'normal'} aria-busy={check.isPending}>
          {t(check.isPending ? 'signIn.checking' : 'signIn.title')}
        </Button>
      </form>
    </Card>
  );
}

/** A refused key is the form's own matter; anything else has the face that it has everywhere. */
function KeyFault({ error }: { error: Error }) {
  const { t } = useTranslation();
  if (!(error instanceof Problem) || error.status !== 401) return <ProblemNotice error={error} />;
  return (
    <Notice tone="error" title={t('signIn.key.refused')}>
      <p>
        <ApiText>{error.answer.detail}</ApiText>
      </p>
      <p>
        {t('problem.requestId')} <code>{error.answer.request_id}</code>
      </p>
    </Notice>
  );
}
