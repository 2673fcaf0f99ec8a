import { type FormEvent, useId, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { newIdempotencyKey } from '@/api/idempotency';
import { OPERATOR_SCOPES, SCOPES, type Scope } from '@/api/scopes';
import { endOfDay } from '@/format/dates';
import { Button } from '@/ui/button';
import { CheckField } from '@/ui/check-field';
import { Dialog } from '@/ui/dialog';
import { TextField } from '@/ui/field';
import { ProblemNotice } from '@/ui/problem-notice';
import ui from '@/ui/ui.module.css';
import styles from './keys.module.css';
import { type KeyRequest, type NewKey, useCreateKey } from './use-keys';

const CLIENT = /^[A-Za-z0-9][A-Za-z0-9._@:+-]{0,99}$/;
const USUAL = SCOPES.filter((scope) => !OPERATOR_SCOPES.includes(scope));

/**
 * Form of a new key.
 *
 * @param tiers names of tiers that are in use, offered as one types.
 */
export function CreateDialog({
  open,
  tiers,
  onClose,
  onCreated,
}: {
  open: boolean;
  tiers: readonly string[];
  onClose: () => void;
  onCreated: (key: NewKey) => void;
}) {
  const { t } = useTranslation();
  return (
    <Dialog title={t('keys.form.title')} open={open} onClose={onClose}>
      <CreateForm tiers={tiers} onClose={onClose} onCreated={onCreated} />
    </Dialog>
  );
}

function CreateForm({
  tiers,
  onClose,
  onCreated,
}: {
  tiers: readonly string[];
  onClose: () => void;
  onCreated: (key: NewKey) => void;
}) {
  const { t } = useTranslation();
  const create = useCreateKey();
  const [client, setClient] = useState('');
  const [scopes, setScopes] = useState<readonly Scope[]>(USUAL);
  const [tier, setTier] = useState('');
  const [expires, setExpires] = useState('');
  const [tried, setTried] = useState(false);
  const id = useId();
  // The same request is the same key, however often it is sent; a changed one is another.
  const sent = useRef({ body: '', idempotencyKey: '' });
  const isOver = expires !== '' && Date.parse(endOfDay(expires)) <= Date.now();
  const faults = {
    client: tried && !CLIENT.test(client) && t('keys.form.clientFault'),
    scopes: tried && scopes.length === 0 && t('keys.form.scopesFault'),
    expires: isOver && t('keys.form.expiresFault'),
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (!CLIENT.test(client) || scopes.length === 0 || isOver) return;
    const body: KeyRequest = {
      client,
      scopes: [...scopes],
      ...(tier.trim() ? { tier: tier.trim() } : {}),
      ...(expires ? { expires_at: endOfDay(expires) } : {}),
    };
    const written = JSON.stringify(body);
    if (sent.current.body !== written)
      sent.current = { body: written, idempotencyKey: newIdempotencyKey() };
    const { idempotencyKey } = sent.current;
    create.mutate({ body, idempotencyKey }, { onSuccess: onCreated });
  };
  return (
    <form className={styles.form} onSubmit={submit} noValidate>
      <TextField
        label={t('keys.form.client')}
        hint={t('keys.form.clientHint')}
        fault={faults.client}
        value={client}
        autoComplete="off"
        spellCheck={false}
        onChange={setClient}
      />
      <ScopeChoice value={scopes} fault={faults.scopes} onChange={setScopes} />
      <TextField
        label={t('keys.form.tier')}
        hint={t('keys.form.tierHint')}
        value={tier}
        list={`${id}-tiers`}
        autoComplete="off"
        spellCheck={false}
        onChange={setTier}
      />
      <datalist id={`${id}-tiers`}>
        {tiers.map((each) => (
          <option key={each} value={each} />
        ))}
      </datalist>
      <TextField
        label={t('keys.form.expires')}
        hint={t('keys.form.expiresHint')}
        fault={faults.expires}
        type="date"
        value={expires}
        onChange={setExpires}
      />
      {create.error && <ProblemNotice error={create.error} />}
      <div className={ui.toolbar}>
        <Button type="submit" look="primary" disabled={create.isPending}>
          {t('keys.form.submit')}
        </Button>
        <Button onClick={onClose}>{t('action.cancel')}</Button>
      </div>
    </form>
  );
}

function ScopeChoice({
  value,
  fault,
  onChange,
}: {
  value: readonly Scope[];
  fault: string | false;
  onChange: (scopes: readonly Scope[]) => void;
}) {
  const { t } = useTranslation();
  const id = useId();
  return (
    <fieldset className={styles.scopes} aria-describedby={fault ? id : undefined}>
      <legend className={ui.label}>{t('keys.form.scopes')}</legend>
      {SCOPES.map((scope) => (
        <CheckField
          key={scope}
          label={
            <span>
              {t(`keys.scope.${scope}.text`)} <code>{scope}</code>
            </span>
          }
          checked={value.includes(scope)}
          onChange={(checked) =>
            onChange(SCOPES.filter((each) => (each === scope ? checked : value.includes(each))))
          }
        />
      ))}
      {fault && (
        <span id={id} className={ui.fault} role="alert">
          {fault}
        </span>
      )}
    </fieldset>
  );
}
