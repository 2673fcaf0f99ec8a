import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useCaller } from '@/session/caller';
import { ScopeGate } from '@/session/scope-gate';
import { Button } from '@/ui/button';
import { Page } from '@/ui/layout';
import { QueryView } from '@/ui/query-view';
import { AuditLog } from './audit-log';
import { CreateDialog } from './create-dialog';
import { KeyList } from './key-list';
import { RevokeDialog } from './revoke-dialog';
import { RotateDialog } from './rotate-dialog';
import { SecretDialog } from './secret-dialog';
import { type Key, type NewKey, useKeys } from './use-keys';

const SOON_MILLISECONDS = 30 * 86_400_000;

export default function Keys() {
  const { t } = useTranslation();
  const { can } = useCaller();
  if (can('admin')) return <KeysOfAdministrator />;
  return (
    <Page title={t('keys.title')}>
      <ScopeGate scope="admin">{null}</ScopeGate>
    </Page>
  );
}

function KeysOfAdministrator() {
  const { t } = useTranslation();
  const { caller } = useCaller();
  const keys = useKeys();
  const [creating, setCreating] = useState(false);
  const [made, setMade] = useState<NewKey | null>(null);
  const [rotated, setRotated] = useState<Key | null>(null);
  const [revoked, setRevoked] = useState<Key | null>(null);
  const lead = useLead(keys.data);
  const tiers = [...(keys.data ?? []).map((key) => key.tier), ...(caller ? [caller.tier] : [])];
  const showSecret = (key: NewKey) => {
    setCreating(false);
    setRotated(null);
    setMade(key);
  };
  return (
    <Page
      title={t('keys.title')}
      lead={lead}
      controls={
        <Button look="primary" onClick={() => setCreating(true)}>
          {t('keys.create')}
        </Button>
      }
    >
      <QueryView query={keys}>
        {(all) => <KeyList keys={all} onRotate={setRotated} onRevoke={setRevoked} />}
      </QueryView>
      <AuditLog />
      <CreateDialog
        open={creating}
        tiers={[...new Set(tiers)]}
        onClose={() => setCreating(false)}
        onCreated={showSecret}
      />
      <RotateDialog subject={rotated} onClose={() => setRotated(null)} onRotated={showSecret} />
      <RevokeDialog subject={revoked} onClose={() => setRevoked(null)} />
      <SecretDialog made={made} onClose={() => setMade(null)} />
    </Page>
  );
}

/** Return the sentence that says how many keys work, and how many soon will not. */
function useLead(keys: readonly Key[] | undefined): string | undefined {
  const { t } = useTranslation();
  if (keys === undefined) return undefined;
  const active = keys.filter((key) => key.state === 'active');
  if (active.length === 0) return t('keys.lead.none');
  const sentence = t('keys.lead.active', { count: active.length });
  const soon = active.filter(
    ({ expires_at }) => expires_at && Date.parse(expires_at) - Date.now() < SOON_MILLISECONDS,
  );
  return soon.length === 0
    ? sentence
    : t('keys.lead.soon', { count: soon.length, active: sentence });
}
