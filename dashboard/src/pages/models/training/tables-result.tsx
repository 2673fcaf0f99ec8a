import { useTranslation } from 'react-i18next';
import type { Job } from '@/api/jobs';
import { useDuration } from '@/format/use-duration';
import { useFormat } from '@/format/use-format';
import { ApiText } from '@/ui/api-text';
import { Notice, type StatProps, Stats } from '@/ui/layout';
import ui from '@/ui/ui.module.css';
import { FindingsList } from './findings-list';
import styles from './training.module.css';
import type { Tables } from './use-training';

/** What a check of tables says: whether they can be used, and everything that was found. */
export function TablesResult({ job, tables }: { job: Job; tables: Tables }) {
  const { t } = useTranslation();
  const { usable, errors, warnings, reason, understood } = tables;
  const count = (kinds: Tables['errors']) => kinds.reduce((sum, each) => sum + each.count, 0);
  const isUpload = job.kind === 'upload';
  return (
    <div className={styles.result}>
      {usable ? (
        <Notice
          tone="success"
          title={t(tables.published ? 'training.tables.published' : 'training.tables.usable', {
            name: job.subject,
          })}
        />
      ) : (
        <Notice
          tone="error"
          title={
            errors.length > 0
              ? t('training.tables.faults', { count: count(errors), name: job.subject })
              : t('training.tables.unusable', { name: job.subject })
          }
        >
          {reason !== null && (
            <p>
              <ApiText>{reason}</ApiText>
            </p>
          )}
          {errors.length > 0 && (
            <p>{t(isUpload ? 'training.tables.mendUpload' : 'training.tables.mend')}</p>
          )}
        </Notice>
      )}
      {tables.rows !== null && <Figures tables={tables} />}
      {errors.length > 0 && <FindingsList kinds={errors} />}
      {warnings.length > 0 && (
        <details className={ui.details} open={errors.length === 0}>
          <summary>{t('training.tables.warnings', { count: count(warnings) })}</summary>
          <p className={ui.hint}>{t('training.tables.warningsText')}</p>
          <FindingsList kinds={warnings} />
        </details>
      )}
      {understood.length > 0 && (
        <details className={ui.details}>
          <summary>{t('training.tables.understood')}</summary>
          <dl className={styles.understood} lang="en">
            {understood.map(({ topic, text }) => (
              <div key={topic}>
                <dt>{topic}</dt>
                <dd>{text}</dd>
              </div>
            ))}
          </dl>
        </details>
      )}
    </div>
  );
}

/** What would be trained on, and how long that would take. */
function Figures({ tables: { rows, series, first, origin, seconds } }: { tables: Tables }) {
  const { t } = useTranslation();
  const { number, day } = useFormat();
  const duration = useDuration();
  const items: StatProps[] = [
    { label: t('training.tables.rows'), value: number(rows ?? 0) },
    { label: t('training.tables.series'), value: number(series ?? 0) },
    {
      label: t('training.tables.newest'),
      value: origin && day(origin),
      detail: first && t('training.tables.first', { day: day(first) }),
    },
    {
      label: t('training.tables.time'),
      value: seconds === null ? '–' : duration(seconds),
      detail: seconds === null ? t('training.tables.timeUnknown') : t('training.tables.timeKnown'),
    },
  ];
  return <Stats items={items} />;
}
