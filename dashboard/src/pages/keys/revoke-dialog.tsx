import { useTranslation } from 'react-i18next';
import { useCaller } from '@/session/caller';
import { Button } from '@/ui/button';
import { Dialog } from '@/ui/dialog';
import { Notice } from '@/ui/layout';
import { ProblemNotice } from '@/ui/problem-notice';
import ui from '@/ui/ui.module.css';
import { type Key, useRevokeKey } from './use-keys';

/** The question before a key is revoked; it names the client, so that none is taken for another. */
export function RevokeDialog({
  subject,
  onClose,
  onRevoked,
}: {
  subject: Key | null;
  onClose: () => void;
  onRevoked: (key: Key) => void;
}) {
  const { t } = useTranslation();
  const title = t('keys.revoke.title', { client: subject?.client ?? '' });
  return (
    <Dialog title={title} open={subject !== null} onClose={onClose}>
      {subject && <RevokeForm subject={subject} onClose={onClose} onRevoked={onRevoked} />}
    </Dialog>
  );
}

function RevokeForm({
  subject,
  onClose,
  onRevoked,
}: {
  subject: Key;
  onClose: () => void;
  onRevoked: (key: Key) => void;
}) {
  const { t } = useTranslation();
  const { caller } = useCaller();
  const revoke = useRevokeKey();
  return (
    <div className={ui.dialogForm}>
      <p>{t('keys.revoke.text', { id: subject.id })}</p>
      {caller?.authentication === 'key' && caller.client === subject.client && (
        <Notice tone="warn">
          <p>{t('keys.revoke.own')}</p>
        </Notice>
      )}
      {revoke.error && <ProblemNotice error={revoke.error} />}
      <div className={ui.toolbar}>
        <Button
          look="danger"
          disabled={revoke.isPending}
          onClick={() => revoke.mutate(subject.id, { onSuccess: onRevoked })}
        >
          {t('keys.revoke.submit', { client: subject.client })}
        </Button>
        <Button onClick={onClose}>{t('action.cancel')}</Button>
      </div>
    </div>
  );
}
