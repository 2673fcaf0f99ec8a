import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { isUnderWay, type Job } from '@/api/jobs';
import { secondsOf, useDuration } from '@/format/use-duration';
import { useFormat } from '@/format/use-format';
import { ApiText } from '@/ui/api-text';
import { Button } from '@/ui/button';
import { Badge, type Tone } from '@/ui/layout';
import { QueryView } from '@/ui/query-view';
import ui from '@/ui/ui.module.css';
import { focusOn, jobElementId, modelElementId } from './focus-on';
import { JobProgress } from './job-progress';
import { TablesResult } from './tables-result';
import styles from './training.module.css';
import { useJobLog } from './use-training';

const TONES: Record<Job['state'], Tone> = {
  queued: 'info',
  running: 'info',
  succeeded: 'success',
  failed: 'error',
  cancelled: 'warn',
};

/** A job: what it is, who asked for it, how far it is or how it ended, and its log. */
export function JobItem({ job, onCancel }: { job: Job; onCancel: () => void }) {
  const { t } = useTranslation();
  const name = t(`training.kind.${job.kind}`, { name: job.subject });
  return (
    <li id={jobElementId(job.id)} tabIndex={-1} className={styles.job} aria-label={name}>
      <div className={styles.jobHead}>
        <h3>{name}</h3>
        <Badge tone={toneOf(job)}>{t(`training.state.${job.state}`)}</Badge>
      </div>
      <About job={job} />
      {isUnderWay(job) && <JobProgress job={job} />}
      <Ending job={job} />
      <div className={ui.toolbar}>
        {isUnderWay(job) && job.cancelled_by === null && (
          <Button look="danger" aria-label={t('training.cancel.of', { name })} onClick={onCancel}>
            {t('training.cancel.action')}
          </Button>
        )}
        {job.result?.bundle && <ModelButton bundle={job.result.bundle} />}
      </div>
      {job.result?.tables && <Result job={job} tables={job.result.tables} />}
      {job.state !== 'queued' && <Log job={job} name={name} />}
    </li>
  );
}

/** Return the tone of the state: a check that has found errors is no success to who reads it. */
function toneOf({ state, result }: Job): Tone {
  return result?.tables?.usable === false ? 'warn' : TONES[state];
}

function About({ job }: { job: Job }) {
  const { t } = useTranslation();
  const { instant } = useFormat();
  const duration = useDuration();
  const seconds = secondsOf(job);
  const texts = [
    t('training.jobs.by', { by: job.by, at: instant(job.queued_at) }),
    job.state === 'running' &&
      job.started_at !== null &&
      t('training.jobs.since', { at: instant(job.started_at) }),
    seconds !== null && t('training.jobs.took', { time: duration(seconds) }),
  ];
  return <p className={styles.about}>{texts.filter(Boolean).join(' · ')}</p>;
}

/** One sentence on how the job ended, or that it is about to. */
function Ending({ job: { kind, state, detail, cancelled_by, result } }: { job: Job }) {
  const { t } = useTranslation();
  if (cancelled_by !== null && state === 'running')
    return <p>{t('training.cancel.asked', { by: cancelled_by })}</p>;
  if (cancelled_by !== null && state === 'cancelled')
    return <p>{t('training.cancel.done', { by: cancelled_by })}</p>;
  if (detail !== null)
    return (
      <p className={state === 'failed' ? ui.bad : undefined}>
        <ApiText>{detail}</ApiText>
      </p>
    );
  if (result === null) return null;
  if (kind === 'reload') return <p>{t('training.result.reloaded')}</p>;
  if (result.tables !== null) return <TablesSentence tables={result.tables} />;
  return (
    <p>
      {t(result.served ? 'training.result.served' : 'training.result.candidate')}{' '}
      {result.verdict && (
        <>
          {t('training.result.compared', { champion: result.verdict.champion })}{' '}
          <ApiText>
            {result.verdict.outcome}, {result.verdict.why}.
          </ApiText>
        </>
      )}
    </p>
  );
}

function TablesSentence({
  tables: { usable, published, errors },
}: {
  tables: NonNullable<NonNullable<Job['result']>['tables']>;
}) {
  const { t } = useTranslation();
  const count = errors.reduce((sum, each) => sum + each.count, 0);
  if (usable) return <p>{t(published ? 'training.result.published' : 'training.result.usable')}</p>;
  return (
    <p>{count > 0 ? t('training.result.faults', { count }) : t('training.result.unusable')}</p>
  );
}

/** The way to the model in the list above. */
function ModelButton({ bundle }: { bundle: string }) {
  const { t } = useTranslation();
  return (
    <Button onClick={() => focusOn(modelElementId(bundle))}>
      {t('training.result.model', { bundle })}
    </Button>
  );
}

/** Everything that a check has found, made when it is opened: there may be much of it. */
function Result({
  job,
  tables,
}: {
  job: Job;
  tables: NonNullable<NonNullable<Job['result']>['tables']>;
}) {
  const { t } = useTranslation();
  const [wasOpened, setWasOpened] = useState(false);
  return (
    <details className={ui.details} onToggle={() => setWasOpened(true)}>
      <summary>{t('training.result.show')}</summary>
      {wasOpened && <TablesResult job={job} tables={tables} />}
    </details>
  );
}

/** The end of what the job's process has written, read when it is opened. */
function Log({ job, name }: { job: Job; name: string }) {
  const { t } = useTranslation();
  const [isOpen, setIsOpen] = useState(false);
  const log = useJobLog(job.id, isOpen);
  return (
    <details className={ui.details} onToggle={(event) => setIsOpen(event.currentTarget.open)}>
      <summary>{t('training.log.title')}</summary>
      {isOpen && (
        <div className={styles.result}>
          <QueryView query={log} height="4rem">
            {(text) =>
              text === '' ? (
                <p className={ui.hint}>{t('training.log.empty')}</p>
              ) : (
                // the keyboard scrolls what has the focus
                <section
                  className={styles.log}
                  tabIndex={0}
                  aria-label={t('training.log.of', { name })}
                >
                  <pre lang="en">{text}</pre>
                </section>
              )
            }
          </QueryView>
          <div>
            <Button disabled={log.isFetching} onClick={() => void log.refetch()}>
              {t('training.log.again')}
            </Button>
          </div>
        </div>
      )}
    </details>
  );
}
