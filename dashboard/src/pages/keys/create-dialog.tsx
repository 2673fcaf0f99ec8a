import { type FormEvent, useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useAttemptKey } from '@/api/idempotency';
import { SCOPES, type Scope } from '@/api/scopes';
import { endOfDay } from '@/format/dates';
import { Button } from '@/ui/button';
import { CheckField } from '@/ui/check-field';
import { Dialog } from '@/ui/dialog';
import { SelectField, TextField } from '@/ui/field';
import { ProblemNotice } from '@/ui/problem-notice';
import ui from '@/ui/ui.module.css';
import styles from './keys.module.css';
import { type KeyRequest, type NewKey, useCreateKey } from './use-keys';

const CLIENT = /^[A-Za-z0-9][A-Za-z0-9._@:+-]{0,99}$/;
/** What a new key may do unless more is chosen: to read. */
const LEAST: readonly Scope[] = ['forecast'];

interface Tiers {
  names: readonly string[];
  usual: string;
}

/**
 * Form of a new key.
 *
 * @param tiers names of the tiers that it may have, and of that which it has without one.
 */
export function CreateDialog({
  open,
  tiers,
  onClose,
  onCreated,
}: {
  open: boolean;
  tiers: Tiers;
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
  tiers: Tiers;
  onClose: () => void;
  onCreated: (key: NewKey) => void;
}) {
  const { t } = useTranslation();
  const create = useCreateKey();
  const [client, setClient] = useState('');
  const [scopes, setScopes] = useState(LEAST);
  const [tier, setTier] = useState(tiers.usual);
  const [expires, setExpires] = useState('');
  const [tried, setTried] = useState(false);
  const attempt = useAttemptKey();
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
      tier,
      ...(expires ? { expires_at: endOfDay(expires) } : {}),
    };
    create.mutate({ body, idempotencyKey: attempt.keyOf(body) }, { onSuccess: onCreated });
  };
  return (
    <form className={ui.dialogForm} onSubmit={submit} noValidate>
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
      <SelectField
        label={t('keys.form.tier')}
        hint={t('keys.form.tierHint')}
        value={tier}
        choices={tiers.names.map((value) => ({ value, label: value }))}
        onChange={setTier}
      />
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
              {t(`keys.scope.${scope}.name`)} <code>{scope}</code>
            </span>
          }
          hint={t(`keys.scope.${scope}.text`)}
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
