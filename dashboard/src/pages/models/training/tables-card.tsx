import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Job } from '@/api/jobs';
import { useBytes } from '@/format/use-bytes';
import { useFormat } from '@/format/use-format';
import { Button } from '@/ui/button';
import { type Column, DataTable } from '@/ui/data-table';
import { Badge, Card, EmptyState } from '@/ui/layout';
import ui from '@/ui/ui.module.css';
import { ConfirmDialog } from './confirm-dialog';
import { UploadForm } from './upload-form';
import { clearUpload, nameUpload, useUpload } from './upload-store';
import { type Source, type Sources, useDeleteSource } from './use-training';

/** Tables that models can be trained on, and the upload of new ones. */
export function TablesCard({
  sources,
  jobs,
  canCheck,
}: {
  sources: Sources;
  jobs: readonly Job[];
  canCheck: boolean;
}) {
  const { t } = useTranslation();
  const { name: uploading } = useUpload();
  const [deleted, setDeleted] = useState<string | null>(null);
  const [done, setDone] = useState<string | null>(null);
  const outcome = useRef<HTMLParagraphElement>(null);
  const form = useRef<HTMLDetailsElement>(null);
  const remove = useDeleteSource();
  const isEmpty = sources.sources.length + sources.uploads.length === 0;
  return (
    <Card title={t('training.tables.title')}>
      {isEmpty ? (
        <EmptyState>{t('training.tables.none')}</EmptyState>
      ) : (
        <SourceList
          sources={sources}
          onDelete={(name) => {
            setDone(null);
            setDeleted(name);
          }}
          onContinue={(name) => {
            nameUpload(name);
            if (form.current) form.current.open = true;
            form.current?.querySelector('input')?.focus();
          }}
        />
      )}
      <p ref={outcome} tabIndex={-1} role="status" className={ui.hint}>
        {done !== null && t('training.delete.done', { name: done })}
      </p>
      <details ref={form} className={ui.details} open={uploading !== null}>
        <summary>{t('training.upload.title')}</summary>
        <UploadForm sources={sources} jobs={jobs} canCheck={canCheck} />
      </details>
      <ConfirmDialog
        subject={deleted}
        title={t('training.delete.title', { name: deleted ?? '' })}
        text={t('training.delete.text')}
        action={t('training.delete.submit')}
        change={remove}
        onClose={() => {
          setDeleted(null);
          outcome.current?.focus(); // the button that opened it may be gone
        }}
        onDone={() => {
          if (deleted === uploading) clearUpload();
          setDone(deleted);
          setDeleted(null);
        }}
      />
    </Card>
  );
}

function SourceList({
  sources: { sources, uploads },
  onDelete,
  onContinue,
}: {
  sources: Sources;
  onDelete: (name: string) => void;
  onContinue: (name: string) => void;
}) {
  const { t } = useTranslation();
  const { instant, list } = useFormat();
  const bytes = useBytes();
  const isUpload = (source: Source) => uploads.includes(source);
  const columns: Column<Source>[] = [
    { id: 'name', label: t('training.tables.name'), cell: ({ name }) => name },
    {
      id: 'state',
      label: t('training.tables.state'),
      cell: (source) =>
        isUpload(source) ? (
          <Badge tone="warn">{t('training.tables.unchecked')}</Badge>
        ) : (
          <Badge tone="success">{t('training.tables.ready')}</Badge>
        ),
    },
    {
      id: 'actions',
      label: t('training.tables.actions'),
      cell: (source) => (
        <div className={ui.rowActions}>
          {isUpload(source) && (
            <Button
              aria-label={t('training.upload.continueOf', { name: source.name })}
              onClick={() => onContinue(source.name)}
            >
              {t('training.upload.continue')}
            </Button>
          )}
          {(isUpload(source) || source.by !== null) && (
            <Button
              look="danger"
              aria-label={t('training.delete.of', { name: source.name })}
              onClick={() => onDelete(source.name)}
            >
              {t('training.delete.action')}
            </Button>
          )}
        </div>
      ),
    },
    {
      id: 'size',
      label: t('training.tables.size'),
      numeric: true,
      cell: (source) => bytes(source.bytes),
    },
    {
      id: 'modified',
      label: t('training.tables.modified'),
      cell: ({ modified }) => modified && instant(modified),
    },
    {
      id: 'by',
      label: t('training.tables.by'),
      cell: (source) => source.by ?? (isUpload(source) ? null : t('training.tables.byOperator')),
    },
    {
      id: 'files',
      label: t('training.tables.files'),
      cell: ({ files }) => list(files.map(({ name }) => name)),
    },
  ];
  return (
    <DataTable
      caption={t('training.tables.caption')}
      columns={columns}
      rows={[...uploads, ...sources]}
      keyOf={(source) => `${isUpload(source)} ${source.name}`}
    />
  );
}
