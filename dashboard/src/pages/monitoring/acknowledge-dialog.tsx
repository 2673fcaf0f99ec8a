import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useAcknowledge } from '@/api/monitoring';
import { Button } from '@/ui/button';
import { Dialog } from '@/ui/dialog';
import { TextField } from '@/ui/field';
import { ProblemNotice } from '@/ui/problem-notice';
import ui from '@/ui/ui.module.css';

const MOST_CHARACTERS = 500;

/** An outlier that somebody is about to say something of. */
export interface Acknowledged {
  id: number;
  /** Node and days, as they are read. */
  name: string;
  real: boolean;
}

interface Props {
  onClose: () => void;
  onDone: (acknowledged: Acknowledged) => void;
}

/** The question before it is recorded that an outlier has happened, or is wrong. */
export function AcknowledgeDialog({ wanted, ...props }: Props & { wanted: Acknowledged | null }) {
  const { t } = useTranslation();
  const title = t(
    wanted?.real === false
      ? 'monitoring.outliers.dialog.wrong'
      : 'monitoring.outliers.dialog.happened',
  );
  return (
    <Dialog title={title} open={wanted !== null} onClose={props.onClose}>
      {wanted && <AcknowledgeForm wanted={wanted} {...props} />}
    </Dialog>
  );
}

function AcknowledgeForm({ wanted, onClose, onDone }: Props & { wanted: Acknowledged }) {
  const { t } = useTranslation();
  const [note, setNote] = useState('');
  const acknowledge = useAcknowledge();
  return (
    <form
      className={ui.dialogForm}
      onSubmit={(event) => {
        event.preventDefault();
        const { id, real } = wanted;
        acknowledge.mutate({ id, real, note: note.trim() }, { onSuccess: () => onDone(wanted) });
      }}
    >
      <p>
        <strong>{wanted.name}</strong>
      </p>
      <p>{t('monitoring.outliers.dialog.text')}</p>
      <TextField
        label={t('monitoring.outliers.dialog.note')}
        hint={t('monitoring.outliers.dialog.hint')}
        value={note}
        maxLength={MOST_CHARACTERS}
        onChange={setNote}
      />
      {acknowledge.error && <ProblemNotice error={acknowledge.error} />}
      <div className={ui.toolbar}>
        <Button type="submit" look="primary" disabled={acknowledge.isPending}>
          {t('monitoring.outliers.dialog.submit')}
        </Button>
        <Button onClick={onClose}>{t('action.cancel')}</Button>
      </div>
    </form>
  );
}
