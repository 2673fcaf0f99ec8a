import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useAttemptKey } from '@/api/idempotency';
import { Button } from '@/ui/button';
import { Dialog } from '@/ui/dialog';
import { SelectField } from '@/ui/field';
import { ProblemNotice } from '@/ui/problem-notice';
import ui from '@/ui/ui.module.css';
import { type Key, type NewKey, useRotateKey } from './use-keys';

/** Times for which the old key goes on working, in seconds; the API allows 30 days at most. */
const GRACES = { none: 0, hour: 3600, day: 86_400, week: 7 * 86_400, month: 30 * 86_400 } as const;
type Grace = keyof typeof GRACES;

export function RotateDialog({
  subject,
  onClose,
  onRotated,
}: {
  subject: Key | null;
  onClose: () => void;
  onRotated: (key: NewKey) => void;
}) {
  const { t } = useTranslation();
  const title = t('keys.rotate.title', { client: subject?.client ?? '' });
  return (
    <Dialog title={title} open={subject !== null} onClose={onClose}>
      {subject && <RotateForm subject={subject} onClose={onClose} onRotated={onRotated} />}
    </Dialog>
  );
}

function RotateForm({
  subject,
  onClose,
  onRotated,
}: {
  subject: Key;
  onClose: () => void;
  onRotated: (key: NewKey) => void;
}) {
  const { t } = useTranslation();
  const rotate = useRotateKey();
  const attempt = useAttemptKey();
  const [grace, setGrace] = useState<Grace>('day');
  return (
    <div className={ui.dialogForm}>
      <p>{t('keys.rotate.text')}</p>
      <SelectField
        label={t('keys.rotate.grace')}
        value={grace}
        choices={(Object.keys(GRACES) as Grace[]).map((value) => ({
          value,
          label: t(`keys.rotate.graces.${value}`),
        }))}
        onChange={setGrace}
      />
      {rotate.error && <ProblemNotice error={rotate.error} />}
      <div className={ui.toolbar}>
        <Button
          look="primary"
          disabled={rotate.isPending}
          onClick={() => {
            const rotation = { id: subject.id, graceSeconds: GRACES[grace] };
            const idempotencyKey = attempt.keyOf(rotation);
            rotate.mutate({ ...rotation, idempotencyKey }, { onSuccess: onRotated });
          }}
        >
          {t('keys.rotate.submit')}
        </Button>
        <Button onClick={onClose}>{t('action.cancel')}</Button>
      </div>
    </div>
  );
}
