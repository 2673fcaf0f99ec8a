import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Problem } from '@/api/problems';
import { secondsOf, useDuration } from '@/format/use-duration';
import { useFormat } from '@/format/use-format';
import { Button } from '@/ui/button';
import { CheckField } from '@/ui/check-field';
import { type Column, DataTable } from '@/ui/data-table';
import { TextField } from '@/ui/field';
import { Badge, Card, EmptyState, Notice, type Tone } from '@/ui/layout';
import { ProblemNotice } from '@/ui/problem-notice';
import { QueryView } from '@/ui/query-view';
import ui from '@/ui/ui.module.css';
import styles from './status.module.css';
import { type Job, type useJobs, useStartReload } from './use-status';

const TONES: Record<Job['state'], Tone> = {
  queued: 'info',
  running: 'info',
  succeeded: 'success',
  failed: 'error',
  cancelled: 'warn',
};

/** Reloads of the data, and the form that starts one. */
export function ReloadCard({ query }: { query: ReturnType<typeof useJobs> }) {
  const { t } = useTranslation();
  const { error } = query;
  // a server without a folder of tables is no failure
  const unavailable = error instanceof Problem && error.code === 'RELOAD_UNAVAILABLE';
  return (
    <Card title={t('status.jobs.title')}>
      {unavailable ? (
        <Notice title={t('status.jobs.unavailable')}>
          <p lang="en">{error.answer.detail}</p>
        </Notice>
      ) : (
        <>
          <QueryView query={query} height="8rem">
            {(jobs) => <Jobs jobs={jobs} />}
          </QueryView>
          <ReloadForm />
        </>
      )}
    </Card>
  );
}

function Jobs({ jobs }: { jobs: readonly Job[] }) {
  const { t } = useTranslation();
  const { instant } = useFormat();
  const duration = useDuration();
  const took = (job: Job) => {
    const seconds = secondsOf(job);
    return seconds === null ? null : duration(seconds);
  };
  if (jobs.length === 0) return <EmptyState>{t('status.jobs.none')}</EmptyState>;
  const columns: Column<Job>[] = [
    { id: 'source', label: t('status.jobs.source'), cell: (job) => job.source },
    {
      id: 'state',
      label: t('status.jobs.state'),
      cell: (job) => <Badge tone={TONES[job.state]}>{t(`status.jobs.states.${job.state}`)}</Badge>,
    },
    { id: 'phase', label: t('status.jobs.phase'), cell: (job) => job.phase },
    { id: 'queued', label: t('status.jobs.queued'), cell: (job) => instant(job.queued_at) },
    { id: 'duration', label: t('status.jobs.duration'), numeric: true, cell: took },
    { id: 'detail', label: t('status.jobs.detail'), cell: (job) => job.detail },
  ];
  return (
    <DataTable
      caption={t('status.jobs.caption')}
      columns={columns}
      rows={jobs}
      keyOf={(job) => job.id}
    />
  );
}

function ReloadForm() {
  const { t } = useTranslation();
  const start = useStartReload();
  const [source, setSource] = useState('');
  const [force, setForce] = useState(false);
  const [tried, setTried] = useState(false);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (source.trim() === '') return;
    start.mutate(
      { source: source.trim(), force },
      {
        onSuccess: () => {
          setSource('');
          setForce(false);
          setTried(false);
        },
      },
    );
  };
  return (
    <details className={ui.details}>
      <summary>{t('status.jobs.start')}</summary>
      <form className={styles.form} onSubmit={submit} noValidate>
        <p className={ui.hint}>{t('status.jobs.startText')}</p>
        <TextField
          label={t('status.jobs.sourceLabel')}
          fault={tried && source.trim() === '' && t('status.jobs.sourceFault')}
          value={source}
          spellCheck={false}
          onChange={setSource}
        />
        <CheckField label={t('status.jobs.force')} checked={force} onChange={setForce} />
        {start.error && <ProblemNotice error={start.error} />}
        {start.data && (
          <Notice tone="success">
            <p>{t('status.jobs.started', { source: start.data.source })}</p>
          </Notice>
        )}
        <div>
          <Button type="submit" look="primary" disabled={start.isPending}>
            {t('status.jobs.submit')}
          </Button>
        </div>
      </form>
    </details>
  );
}
