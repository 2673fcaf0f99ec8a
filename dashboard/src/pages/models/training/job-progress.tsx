import { useTranslation } from 'react-i18next';
import type { Job } from '@/api/jobs';
import { useDuration } from '@/format/use-duration';
import { useFormat } from '@/format/use-format';
import styles from './training.module.css';

/** Return the name of a step in the page's language; as the API has it where it is not known. */
function usePhase(): (phase: string) => string {
  const { t, i18n } = useTranslation();
  return (phase) => {
    const key = `training.phase.${phase.replaceAll(' ', '_')}`;
    return i18n.exists(key) ? t(key as 'training.phase.fit') : phase;
  };
}

/** How far a job is that waits or runs. It is read as one looks at it, and announces nothing. */
export function JobProgress({ job }: { job: Job }) {
  const { t } = useTranslation();
  const { share } = useFormat();
  const duration = useDuration();
  const phaseOf = usePhase();
  const { progress } = job;
  if (job.state === 'queued') return <Bar label={t('training.progress.queued')} />;
  if (progress === null) return <Bar label={t('training.progress.starting')} />;
  const { phase, step, steps, done, total, seconds_remaining: left } = progress;
  const part = done !== null && total ? done / total : null;
  const place = step !== null && steps !== null && t('training.progress.step', { step, steps });
  const texts = [
    [place, phaseOf(phase)].filter(Boolean).join(': '),
    part !== null && t('training.progress.part', { share: share(Math.floor(100 * part) / 100) }),
    left !== null && t('training.progress.left', { time: duration(left) }),
  ];
  const value = step !== null && steps ? (step - 1 + (part ?? 0)) / steps : part;
  return <Bar label={texts.filter(Boolean).join(' · ')} value={value} />;
}

function Bar({ label, value = null }: { label: string; value?: number | null }) {
  const { t } = useTranslation();
  return (
    <div className={styles.progress}>
      <progress
        className={styles.bar}
        aria-label={t('training.progress.label')}
        {...(value === null ? {} : { value, max: 1 })}
      />
      <span className={styles.about}>{label}</span>
    </div>
  );
}
