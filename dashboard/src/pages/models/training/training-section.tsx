import { useTranslation } from 'react-i18next';
import { type Jobs, type Runner, useJobs } from '@/api/jobs';
import { Problem } from '@/api/problems';
import { useFormat } from '@/format/use-format';
import { Card, Notice } from '@/ui/layout';
import { QueryView } from '@/ui/query-view';
import { JobsCard } from './jobs-card';
import { TablesCard } from './tables-card';
import { TrainCard } from './train-card';
import styles from './training.module.css';
import { useSources } from './use-training';

/** Tables, trainings on them, and jobs: the part of the page that makes models. */
export function TrainingSection() {
  const jobs = useJobs();
  return (
    <div className={styles.section}>
      <QueryView query={jobs} height="40rem" later>
        {(data) => (
          <>
            <RunnerNotice runner={data.runner} />
            <Sources {...data} />
            <JobsCard jobs={data.jobs} />
          </>
        )}
      </QueryView>
    </div>
  );
}

function Sources({ jobs, runner, reads_tables }: Jobs) {
  const { t } = useTranslation();
  const query = useSources(reads_tables);
  const { error } = query;
  const isUnreadable = error instanceof Problem && error.code === 'UPLOADS_UNAVAILABLE';
  if (!reads_tables || isUnreadable)
    return (
      <Card title={t('training.tables.title')}>
        <Notice tone="warn" title={t('training.unreadable.title')}>
          {isUnreadable && <p lang="en">{error.answer.detail}</p>}
          <p>{t('training.unreadable.text')}</p>
        </Notice>
      </Card>
    );
  const isAlive = runner?.alive === true;
  return (
    <QueryView query={query} height="32rem">
      {(sources) => (
        <>
          <TablesCard sources={sources} jobs={jobs} canCheck={isAlive} />
          <TrainCard sources={sources.sources} jobs={jobs} canTrain={isAlive && runner.trains} />
        </>
      )}
    </QueryView>
  );
}

/** That nothing would execute a job, or a training, and what to do. */
function RunnerNotice({ runner }: { runner: Runner | null }) {
  const { t } = useTranslation();
  const { instant } = useFormat();
  if (runner?.alive && runner.trains) return null;
  if (runner?.alive)
    return (
      <Notice tone="warn" title={t('training.runner.cannotTrain', { host: runner.host })}>
        <p>{t('training.runner.cannotTrainText')}</p>
      </Notice>
    );
  return (
    <Notice tone="warn" title={t('training.runner.none')}>
      {runner && (
        <p>{t('training.runner.seen', { host: runner.host, at: instant(runner.seen_at) })}</p>
      )}
      <p>{t('training.runner.noneText')}</p>
    </Notice>
  );
}
