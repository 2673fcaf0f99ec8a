import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from '@/ui/button';
import { CheckField } from '@/ui/check-field';
import { CopyButton } from '@/ui/copy-button';
import { Dialog } from '@/ui/dialog';
import { Field } from '@/ui/field';
import { Notice } from '@/ui/layout';
import ui from '@/ui/ui.module.css';
import styles from './keys.module.css';
import type { NewKey } from './use-keys';

/**
 * A new key, which no later answer contains: the dialog closes once it is said to be stored.
 *
 * It is held by this dialog alone, and forgotten with it.
 */
export function SecretDialog({ made, onClose }: { made: NewKey | null; onClose: () => void }) {
  const { t } = useTranslation();
  const title = t('keys.secret.title', { client: made?.client ?? '' });
  return (
    <Dialog
      title={title}
      open={made !== null}
      closable={made === null || made.key === null}
      onClose={onClose}
    >
      {made &&
        (made.key === null ? (
          <Notice tone="warn">
            <p>{t('keys.secret.lost')}</p>
          </Notice>
        ) : (
          <Secret secret={made.key} onClose={onClose} />
        ))}
    </Dialog>
  );
}

function Secret({ secret, onClose }: { secret: string; onClose: () => void }) {
  const { t } = useTranslation();
  const [stored, setStored] = useState(false);
  const [failed, setFailed] = useState(false);
  const field = useRef<HTMLTextAreaElement>(null);
  return (
    <div className={ui.dialogForm}>
      <Notice tone="warn">
        <p>{t('keys.secret.warning')}</p>
      </Notice>
      <Field label={t('keys.secret.label')} fault={failed && t('keys.secret.copyFailed')}>
        {(control) => (
          <textarea
            {...control}
            ref={field}
            className={`${ui.input} ${styles.secret}`}
            rows={2}
            readOnly
            value={secret}
            onFocus={(event) => event.target.select()}
          />
        )}
      </Field>
      <div className={ui.toolbar}>
        <CopyButton
          text={secret}
          label={t('keys.secret.copy')}
          look="primary"
          onFailed={() => {
            setFailed(true);
            field.current?.focus(); // selected, ready for the keyboard to copy
          }}
        />
      </div>
      <CheckField label={t('keys.secret.stored')} checked={stored} onChange={setStored} />
      <div>
        <Button disabled={!stored} onClick={onClose}>
          {t('keys.secret.close')}
        </Button>
      </div>
    </div>
  );
}
