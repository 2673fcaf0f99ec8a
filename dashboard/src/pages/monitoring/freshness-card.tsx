import { useTranslation } from 'react-i18next';
import { type Job, useJobs } from '@/api/jobs';
import { type Health, useHealth } from '@/api/queries';
import { secondsOf, useDuration } from '@/format/use-duration';
import { useFormat } from '@/format/use-format';
import { useCaller } from '@/session/caller';
import { ApiText } from '@/ui/api-text';
import { ButtonLink } from '@/ui/button';
import { type Column, DataTable } from '@/ui/data-table';
import { Badge, Card, EmptyState, Notice, Stats, type Tone } from '@/ui/layout';
import { QueryView } from '@/ui/query-view';
import { linkTo } from '@/url/links';
import styles from './monitoring.module.css';

/** Jobs that change what is served or measured. */
const KINDS: readonly Job['kind'][] = ['reload', 'training', 'scoring'];
const SHOWN = 8;
const TONES: Record<Job['state'], Tone> = {
  queued: 'info',
  running: 'info',
  succeeded: 'success',
  failed: 'error',
  cancelled: 'warn',
};

/** How new the data are, and the jobs that bring newer ones or compare them. */
export function FreshnessCard() {
  const { t } = useTranslation();
  const { can } = useCaller();
  const health = useHealth();
  return (
    <Card
      title={t('monitoring.fresh.title')}
      actions={<ButtonLink href={linkTo('status')}>{t('monitoring.fresh.status')}</ButtonLink>}
    >
      <div className={styles.stack}>
        <QueryView query={health} height="6rem">
          {(data) => <Freshness health={data} />}
        </QueryView>
        {can('admin') && <Jobs />}
      </div>
    </Card>
  );
}

function Freshness({ health }: { health: Health }) {
  const { t } = useTranslation();
  const { day } = useFormat();
  const { snapshot, newest_expected, model_trained_through, reasons, demo } = health;
  return (
    <>
      <Stats
        items={[
          { label: t('monitoring.fresh.newest'), value: day(snapshot.origin) },
          ...(demo ? [] : [{ label: t('monitoring.fresh.expected'), value: day(newest_expected) }]),
          { label: t('monitoring.fresh.trained'), value: day(model_trained_through) },
        ]}
      />
      {reasons
        .filter(({ name }) => name === 'data')
        .map(({ detail }) => (
          <Notice key={detail} tone="warn">
            <ApiText>{detail}</ApiText>
          </Notice>
        ))}
    </>
  );
}

function Jobs() {
  const { t } = useTranslation();
  const query = useJobs();
  return (
    <div className={styles.titled}>
      <h3>{t('monitoring.fresh.jobs')}</h3>
      <QueryView query={query} height="8rem">
        {({ jobs, runner }) => (
          <>
            {!runner?.alive && (
              <Notice tone="warn">
                <p>{t('monitoring.fresh.noRunner')}</p>
              </Notice>
            )}
            <JobTable jobs={jobs.filter(({ kind }) => KINDS.includes(kind)).slice(0, SHOWN)} />
          </>
        )}
      </QueryView>
    </div>
  );
}

function JobTable({ jobs }: { jobs: readonly Job[] }) {
  const { t } = useTranslation();
  const { instant } = useFormat();
  const duration = useDuration();
  if (jobs.length === 0) return <EmptyState>{t('monitoring.fresh.noJobs')}</EmptyState>;
  const columns: Column<Job>[] = [
    {
      id: 'job',
      label: t('monitoring.fresh.job'),
      cell: ({ kind, subject }) => t(`training.kind.${kind}`, { name: subject }),
    },
    {
      id: 'state',
      label: t('monitoring.fresh.state'),
      cell: ({ state }) => <Badge tone={TONES[state]}>{t(`training.state.${state}`)}</Badge>,
    },
    {
      id: 'began',
      label: t('monitoring.fresh.began'),
      cell: ({ queued_at }) => instant(queued_at),
    },
    {
      id: 'took',
      label: t('monitoring.fresh.took'),
      numeric: true,
      cell: (job) => {
        const seconds = secondsOf(job);
        return seconds === null ? '–' : duration(seconds);
      },
    },
    {
      id: 'detail',
      label: t('monitoring.fresh.detail'),
      cell: ({ detail }) => (detail === null ? '–' : <ApiText>{detail}</ApiText>),
    },
  ];
  return (
    <>
      <DataTable
        caption={t('monitoring.fresh.jobs')}
        columns={columns}
        rows={jobs}
        keyOf={({ id }) => id}
      />
      <div>
        <ButtonLink href={linkTo('models')}>{t('monitoring.fresh.models')}</ButtonLink>
      </div>
    </>
  );
}
