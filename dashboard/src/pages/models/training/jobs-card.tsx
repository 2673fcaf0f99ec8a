import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { isUnderWay, type Job } from '@/api/jobs';
import { Button } from '@/ui/button';
import { Card, EmptyState } from '@/ui/layout';
import { ConfirmDialog } from './confirm-dialog';
import { focusOn, jobElementId } from './focus-on';
import { JobItem } from './job-item';
import styles from './training.module.css';
import { useCancelJob } from './use-training';

/** Jobs that are listed until all are asked for. */
const FIRST = 5;

/** Jobs that run, wait, or have ended, the newest first; those under way stand above. */
export function JobsCard({ jobs }: { jobs: readonly Job[] }) {
  const { t } = useTranslation();
  const [showsAll, setShowsAll] = useState(false);
  const [cancelled, setCancelled] = useState<Job | null>(null);
  const opened = useRef('');
  const cancel = useCancelJob();
  const ordered = [...jobs.filter(isUnderWay), ...jobs.filter((job) => !isUnderWay(job))];
  const shown = showsAll ? ordered : ordered.slice(0, FIRST);
  const name = cancelled ? t(`training.kind.${cancelled.kind}`, { name: cancelled.subject }) : '';
  return (
    <Card title={t('training.jobs.title')}>
      <Announcement jobs={jobs} />
      {jobs.length === 0 ? (
        <EmptyState>{t('training.jobs.none')}</EmptyState>
      ) : (
        <ul className={styles.jobs} aria-label={t('training.jobs.title')}>
          {shown.map((job) => (
            <JobItem
              key={job.id}
              job={job}
              onCancel={() => {
                opened.current = job.id;
                setCancelled(job);
              }}
            />
          ))}
        </ul>
      )}
      {ordered.length > shown.length && (
        <Button onClick={() => setShowsAll(true)}>
          {t('training.jobs.all', { count: ordered.length })}
        </Button>
      )}
      <ConfirmDialog
        subject={cancelled?.id ?? null}
        title={t('training.cancel.title', { name })}
        text={t('training.cancel.text')}
        action={t('training.cancel.submit')}
        change={cancel}
        onClose={() => {
          setCancelled(null);
          focusOn(jobElementId(opened.current)); // its button goes when it has ended
        }}
        onDone={() => setCancelled(null)}
      />
    </Card>
  );
}

/** Says when a job begins or ends, and nothing between: who listens looks at the progress itself. */
function Announcement({ jobs }: { jobs: readonly Job[] }) {
  const { t } = useTranslation();
  const before = useRef<Map<string, Job['state']> | null>(null);
  const [text, setText] = useState('');
  useEffect(() => {
    const known = before.current;
    before.current = new Map(jobs.map(({ id, state }) => [id, state]));
    const changed = jobs.filter(({ id, state }) => known !== null && known.get(id) !== state);
    if (changed.length === 0) return;
    const sentences = changed.map(({ kind, subject, state }) => {
      const job = t(`training.kind.${kind}`, { name: subject });
      return `${job}: ${t(`training.state.${state}`)}`;
    });
    setText(sentences.join('. '));
  }, [jobs, t]);
  return (
    <span className="visually-hidden" role="status">
      {text}
    </span>
  );
}
