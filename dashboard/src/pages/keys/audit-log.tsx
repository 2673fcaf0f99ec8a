import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useFormat } from '@/format/use-format';
import { Button } from '@/ui/button';
import { DataTable } from '@/ui/data-table';
import { Segments, TextField } from '@/ui/field';
import { Card, EmptyState, Skeleton } from '@/ui/layout';
import { ProblemNotice } from '@/ui/problem-notice';
import ui from '@/ui/ui.module.css';
import styles from './keys.module.css';
import { type AuditEntry, useAudit } from './use-keys';

const KINDS = ['all', 'changes', 'refusals'] as const;
type Kind = (typeof KINDS)[number];

function isOf(kind: Kind, entry: AuditEntry): boolean {
  return kind === 'all' || entry.action.startsWith('refused.') === (kind === 'refusals');
}

function holds(entry: AuditEntry, text: string): boolean {
  const { actor, action, subject, address, detail } = entry;
  return [actor, action, subject, address, detail].some((each) =>
    each?.toLowerCase().includes(text.toLowerCase()),
  );
}

/** Who changed what, and who was refused; older entries are read as they are asked for. */
export function AuditLog() {
  const { t } = useTranslation();
  const audit = useAudit();
  const [kind, setKind] = useState<Kind>('all');
  const [filter, setFilter] = useState('');
  const entries = audit.data?.pages.flatMap((page) => page.entries) ?? [];
  const shown = entries.filter((entry) => isOf(kind, entry) && holds(entry, filter));
  return (
    <Card title={t('keys.audit.title')}>
      <p className={ui.hint}>{t('keys.audit.text')}</p>
      <div className={ui.filters}>
        <TextField label={t('keys.audit.filter')} value={filter} onChange={setFilter} />
        <Segments
          label={t('keys.audit.kind')}
          value={kind}
          choices={KINDS.map((value) => ({ value, label: t(`keys.audit.kinds.${value}`) }))}
          onChange={setKind}
        />
      </div>
      {audit.error && <ProblemNotice error={audit.error} retry={() => void audit.refetch()} />}
      {audit.isLoading && <Skeleton height="12rem" />}
      {audit.data && shown.length === 0 && (
        <EmptyState>{t(entries.length ? 'keys.audit.noMatch' : 'keys.audit.none')}</EmptyState>
      )}
      {shown.length > 0 && <Entries entries={shown} />}
      {audit.hasNextPage && (
        <div className={styles.more}>
          <Button disabled={audit.isFetchingNextPage} onClick={() => void audit.fetchNextPage()}>
            {t('keys.audit.older')}
          </Button>
        </div>
      )}
      {entries.length > 0 && !audit.hasNextPage && <p className={ui.hint}>{t('keys.audit.end')}</p>}
    </Card>
  );
}

function Entries({ entries }: { entries: readonly AuditEntry[] }) {
  const { t } = useTranslation();
  const { instant } = useFormat();
  return (
    <DataTable
      caption={t('keys.audit.caption')}
      columns={[
        { id: 'at', label: t('keys.audit.at'), cell: (entry) => instant(entry.at) },
        { id: 'action', label: t('keys.audit.action'), cell: (entry) => entry.action },
        { id: 'actor', label: t('keys.audit.actor'), cell: (entry) => entry.actor },
        { id: 'subject', label: t('keys.audit.subject'), cell: (entry) => entry.subject },
        { id: 'detail', label: t('keys.audit.detail'), cell: (entry) => entry.detail },
        { id: 'address', label: t('keys.audit.address'), cell: (entry) => entry.address },
        {
          id: 'request',
          label: t('problem.requestId'),
          cell: (entry) => entry.request_id && <code>{entry.request_id}</code>,
        },
      ]}
      rows={entries}
      keyOf={(entry) => String(entry.id)}
    />
  );
}
