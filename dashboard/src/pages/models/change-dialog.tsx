import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from '@/ui/button';
import { CheckField } from '@/ui/check-field';
import { Dialog } from '@/ui/dialog';
import { TextField } from '@/ui/field';
import { Notice } from '@/ui/layout';
import { ProblemNotice } from '@/ui/problem-notice';
import ui from '@/ui/ui.module.css';
import type { Wanted } from './models';
import { type Model, useChangeModel, useModel } from './use-models';

/** The question before a model is served, rolled back or retired. */
export function ChangeDialog({
  wanted,
  served,
  onClose,
  onDone,
}: {
  wanted: Wanted | null;
  served: Model | null;
  onClose: () => void;
  onDone: (change: Wanted) => void;
}) {
  const { t } = useTranslation();
  const title = wanted
    ? t(`models.${wanted.action}.title`, { bundle: wanted.model.bundle })
    : t('models.title');
  return (
    <Dialog title={title} open={wanted !== null} onClose={onClose}>
      {wanted && <ChangeForm wanted={wanted} served={served} onClose={onClose} onDone={onDone} />}
    </Dialog>
  );
}

function ChangeForm({
  wanted,
  served,
  onClose,
  onDone,
}: {
  wanted: Wanted;
  served: Model | null;
  onClose: () => void;
  onDone: (change: Wanted) => void;
}) {
  const { t } = useTranslation();
  const { action, model } = wanted;
  const [reason, setReason] = useState('');
  const [force, setForce] = useState(false);
  const change = useChangeModel();
  const isRisky =
    action === 'promote' &&
    (model.state === 'rejected' || (model.demo && served !== null && !served.demo));
  const isIncomplete = isRisky && !(force && reason.trim());
  return (
    <form
      className={ui.dialogForm}
      onSubmit={(event) => {
        event.preventDefault();
        const input = { action, bundle: model.bundle, reason: reason.trim(), force };
        change.mutate(input, { onSuccess: () => onDone(wanted) });
      }}
    >
      <p>{t(`models.${action}.text`)}</p>
      {action === 'promote' && <Verdict bundle={model.bundle} />}
      <TextField
        label={t('models.reason')}
        hint={t(isRisky ? 'models.reasonNeeded' : 'models.reasonHint')}
        value={reason}
        maxLength={500}
        onChange={setReason}
      />
      {isRisky && (
        <>
          <Notice tone="warn">
            <p>{t(model.state === 'rejected' ? 'models.wasRejected' : 'models.isDemo')}</p>
          </Notice>
          <CheckField label={t('models.force')} checked={force} onChange={setForce} />
        </>
      )}
      {change.error && <ProblemNotice error={change.error} />}
      <div className={ui.toolbar}>
        <Button
          type="submit"
          look={action === 'promote' ? 'primary' : 'danger'}
          disabled={change.isPending || isIncomplete}
        >
          {t(`models.${action}.submit`)}
        </Button>
        <Button onClick={onClose}>{t('action.cancel')}</Button>
      </div>
    </form>
  );
}

/** How the model compared, when it was trained, with the one that was served then. */
function Verdict({ bundle }: { bundle: string }) {
  const { t } = useTranslation();
  const { data } = useModel(bundle);
  if (!data) return null;
  if (data.verdict === null) return <p className={ui.hint}>{t('models.verdict.none')}</p>;
  const { champion, outcome, why } = data.verdict;
  return (
    <Notice tone={outcome === 'worse' ? 'warn' : 'info'}>
      <p>{t('models.verdict.text', { champion, outcome, why })}</p>
    </Notice>
  );
}
