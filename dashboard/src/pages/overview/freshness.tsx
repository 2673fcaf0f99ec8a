import { useTranslation } from 'react-i18next';
import { useHealth } from '@/api/queries';
import { useFormat } from '@/format/use-format';
import { Notice } from '@/ui/layout';
import { ProblemNotice } from '@/ui/problem-notice';
import ui from '@/ui/ui.module.css';
import styles from './overview.module.css';

/** What keeps the data or the service from being as they should, in the words of the service. */
export function Freshness() {
  const { t } = useTranslation();
  const { day } = useFormat();
  const health = useHealth();
  if (health.error)
    return <ProblemNotice error={health.error} retry={() => void health.refetch()} />;
  if (health.data === undefined) return null;
  const { demo, degraded, reasons, quality, snapshot } = health.data;
  return (
    <>
      {degraded && (
        <Notice tone="warn" title={t('overview.freshness.degraded')}>
          <Sentences items={reasons.map((each) => each.detail)} />
        </Notice>
      )}
      {demo && <Notice>{t('overview.freshness.demo', { day: day(snapshot.origin) })}</Notice>}
      {quality.length > 0 && (
        <details className={ui.details}>
          <summary>{t('overview.freshness.quality', { count: quality.length })}</summary>
          <Sentences items={quality} />
        </details>
      )}
    </>
  );
}

/** Sentences of the API, which are English in every language of the page. */
export function Sentences({ items }: { items: readonly string[] }) {
  return (
    <ul lang="en" className={styles.sentences}>
      {items.map((each) => (
        <li key={each}>{each}</li>
      ))}
    </ul>
  );
}
