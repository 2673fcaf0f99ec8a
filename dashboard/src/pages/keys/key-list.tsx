import { useTranslation } from 'react-i18next';
import { useFormat } from '@/format/use-format';
import { Button } from '@/ui/button';
import { type Column, DataTable } from '@/ui/data-table';
import { Segments, TextField } from '@/ui/field';
import { Badge, Card, EmptyState, type Tone } from '@/ui/layout';
import ui from '@/ui/ui.module.css';
import { oneOf, text, useQueryState } from '@/url/query-state';
import styles from './keys.module.css';
import type { Key } from './use-keys';

const STATES = ['active', 'expired', 'revoked'] as const;
const FILTER = oneOf('all', ...STATES);
const TONES: Record<Key['state'], Tone> = { active: 'success', expired: 'warn', revoked: 'error' };

/** All keys, with a filter that stands in the address. */
export function KeyList({
  keys,
  onRotate,
  onRevoke,
}: {
  keys: readonly Key[];
  onRotate: (key: Key) => void;
  onRevoke: (key: Key) => void;
}) {
  const { t } = useTranslation();
  const [client, setClient] = useQueryState('client', text, '', 'replace');
  const [state, setState] = useQueryState('state', FILTER, 'active');
  const columns = useColumns(onRotate, onRevoke);
  const wanted = client.toLowerCase();
  const shown = keys
    .filter((key) => state === 'all' || key.state === state)
    .filter((key) => key.client.toLowerCase().includes(wanted));
  return (
    <Card title={t('keys.list.title')}>
      <div className={ui.filters}>
        <TextField label={t('keys.list.client')} value={client} onChange={setClient} />
        <Segments
          label={t('keys.list.state')}
          value={state}
          choices={[
            ...STATES.map((value) => ({ value, label: t(`keys.state.${value}`) })),
            { value: 'all', label: t('keys.list.all') },
          ]}
          onChange={setState}
        />
      </div>
      {shown.length === 0 ? (
        <EmptyState>{t('keys.list.none')}</EmptyState>
      ) : (
        <DataTable
          caption={t('keys.list.title')}
          columns={columns}
          rows={shown}
          keyOf={(key) => key.id}
        />
      )}
    </Card>
  );
}

function useColumns(onRotate: (key: Key) => void, onRevoke: (key: Key) => void): Column<Key>[] {
  const { t } = useTranslation();
  const { instant, list } = useFormat();
  const time = (at: string | null) => (at === null ? t('keys.never') : instant(at));
  return [
    { id: 'client', label: t('keys.column.client'), cell: (key) => key.client },
    {
      id: 'state',
      label: t('keys.column.state'),
      cell: (key) => <Badge tone={TONES[key.state]}>{t(`keys.state.${key.state}`)}</Badge>,
    },
    { id: 'tier', label: t('keys.column.tier'), cell: (key) => key.tier },
    { id: 'expires', label: t('keys.column.expires'), cell: (key) => time(key.expires_at) },
    { id: 'used', label: t('keys.column.used'), cell: (key) => time(key.last_used_at) },
    {
      id: 'actions',
      label: t('keys.column.actions'),
      cell: (key) =>
        key.state === 'active' && (
          <div className={ui.rowActions}>
            <Button
              onClick={() => onRotate(key)}
              aria-label={t('keys.rotate.of', { client: key.client })}
            >
              {t('keys.rotate.action')}
            </Button>
            <Button
              look="danger"
              onClick={() => onRevoke(key)}
              aria-label={t('keys.revoke.of', { client: key.client })}
            >
              {t('keys.revoke.action')}
            </Button>
          </div>
        ),
    },
    {
      id: 'scopes',
      label: t('keys.column.scopes'),
      cell: (key) => (
        <div className={styles.wide}>
          {list(key.scopes.map((scope) => t(`keys.scope.${scope}.name`)))}
          {key.unknown_scopes.length > 0 && (
            <div className={ui.hint}>
              {t('keys.unknownScopes', { scopes: list(key.unknown_scopes) })}
            </div>
          )}
        </div>
      ),
    },
    { id: 'created', label: t('keys.column.created'), cell: (key) => instant(key.created_at) },
    { id: 'id', label: t('keys.column.id'), cell: (key) => <code>{key.id}</code> },
  ];
}
