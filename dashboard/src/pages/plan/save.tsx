import { useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { refreshOverrides } from '@/api/overrides';
import { Problem } from '@/api/problems';
import { Button } from '@/ui/button';
import { Notice } from '@/ui/layout';
import { ProblemNotice } from '@/ui/problem-notice';
import styles from './plan.module.css';
import type { useOverrideForm } from './use-override-form';

/** The button that saves, and what stood in its way. */
export function Save({ form }: { form: ReturnType<typeof useOverrideForm> }) {
  const { t } = useTranslation();
  const { making, make, ready, state } = form;
  return (
    <>
      {making.error && <SaveFault error={making.error} onLook={making.reset} retry={make} />}
      <Button look="primary" disabled={!ready} aria-busy={making.isPending} onClick={make}>
        {t(making.isPending ? 'plan.saving' : 'plan.save')}
      </Button>
      <p className={styles.hint}>
        {t(state.draft.value === null ? 'plan.saveNeeds' : 'plan.saveHint')}
      </p>
    </>
  );
}

/** Another planner was faster: who did what, and a look at the forecast as it is now. */
function SaveFault({
  error,
  onLook,
  retry,
}: {
  error: Error;
  onLook: () => void;
  retry: () => void;
}) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  if (!(error instanceof Problem) || error.status !== 409)
    return <ProblemNotice error={error} retry={retry} />;
  return (
    <Notice tone="error" title={t('plan.conflict.title')}>
      <p>{t('plan.conflict.text')}</p>
      <p className={styles.hint} lang="en">
        {error.answer.errors[0]?.detail ?? error.answer.detail}
      </p>
      <Button
        onClick={() => {
          onLook();
          refreshOverrides(queries);
        }}
      >
        {t('plan.conflict.look')}
      </Button>
    </Notice>
  );
}
