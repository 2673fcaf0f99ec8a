import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from '@/ui/button';
import { Dialog } from '@/ui/dialog';
import { ProblemNotice } from '@/ui/problem-notice';
import ui from '@/ui/ui.module.css';
import { GroundsFields, NO_GROUNDS, suffice } from './grounds-fields';
import type { Wanted } from './models';
import { type Model, riskOf, useChangeModel } from './use-models';
import { VerdictOf } from './verdict';

/** The question before a model is served, rolled back or retired, or its trial is ended. */
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
    <Dialog
      title={title}
      open={wanted !== null}
      onClose={onClose}
      wide={wanted?.action === 'promote'}
    >
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
  const [grounds, setGrounds] = useState(NO_GROUNDS);
  const change = useChangeModel();
  const risk = action === 'promote' ? riskOf(model, served) : null;
  return (
    <form
      className={ui.dialogForm}
      onSubmit={(event) => {
        event.preventDefault();
        const { reason, force } = grounds;
        const input = { action, bundle: model.bundle, reason: reason.trim(), force };
        change.mutate(input, { onSuccess: () => onDone(wanted) });
      }}
    >
      <p>{t(`models.${action}.text`)}</p>
      {action === 'promote' && <VerdictOf bundle={model.bundle} />}
      <GroundsFields risk={risk} value={grounds} onChange={setGrounds} />
      {change.error && <ProblemNotice error={change.error} />}
      <div className={ui.toolbar}>
        <Button
          type="submit"
          look={action === 'promote' ? 'primary' : 'danger'}
          disabled={change.isPending || !suffice(grounds, risk)}
        >
          {t(`models.${action}.submit`)}
        </Button>
        <Button onClick={onClose}>{t('action.cancel')}</Button>
      </div>
    </form>
  );
}
