import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useCaller } from '@/session/caller';
import { ScopeGate } from '@/session/scope-gate';
import { Button } from '@/ui/button';
import { Notice, Page } from '@/ui/layout';
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
  const keys = useKeys();
  const [creating, setCreating] = useState(false);
  const [made, setMade] = useState<NewKey | null>(null);
  const [rotated, setRotated] = useState<Key | null>(null);
  const [revoked, setRevoked] = useState<Key | null>(null);
  const [ended, setEnded] = useState<Key | null>(null);
  const outcome = useRef<HTMLDivElement>(null);
  const lead = useLead(keys.data?.keys);
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
      {ended && (
        <div ref={outcome} tabIndex={-1}>
          <Notice tone="success" title={t('keys.revoke.done', { client: ended.client })}>
            <p>{t('keys.revoke.doneText', { id: ended.id })}</p>
          </Notice>
        </div>
      )}
      <QueryView query={keys}>
        {({ keys: all, tiers, default_tier }) => (
          <>
            <KeyList
              keys={all}
              onRotate={setRotated}
              onRevoke={(key) => {
                setEnded(null);
                setRevoked(key);
              }}
            />
            <CreateDialog
              open={creating}
              tiers={{ names: tiers, usual: default_tier }}
              onClose={() => setCreating(false)}
              onCreated={showSecret}
            />
          </>
        )}
      </QueryView>
      <AuditLog />
      <RotateDialog subject={rotated} onClose={() => setRotated(null)} onRotated={showSecret} />
      <RevokeDialog
        subject={revoked}
        onClose={() => {
          setRevoked(null);
          outcome.current?.focus(); // the button that opened it goes with the key
        }}
        onRevoked={(key) => {
          setRevoked(null);
          setEnded(key);
        }}
      />
      <SecretDialog made={made} onClose={() => setMade(null)} />
    </Page>
  );
}

/** Return the sentence that says how many keys work, and how many soon will not. */
function useLead(keys: readonly Key[] | undefined): string | undefined {
  const { t } = useTranslation();
  if (keys === undefined) return undefined;
  const active = keys.filter((key) => key.state === 'active');
  if (active.length === 0) return t(keys.length === 0 ? 'keys.lead.none' : 'keys.lead.inactive');
  const sentence = t('keys.lead.active', { count: active.length });
  const soon = active.filter(
    ({ expires_at }) => expires_at && Date.parse(expires_at) - Date.now() < SOON_MILLISECONDS,
  );
  return soon.length === 0
    ? sentence
    : t('keys.lead.soon', { count: soon.length, active: sentence });
}
