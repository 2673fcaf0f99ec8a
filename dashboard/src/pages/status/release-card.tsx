import { useTranslation } from 'react-i18next';
import type { Health } from '@/api/queries';
import { useFormat } from '@/format/use-format';
import { ButtonLink } from '@/ui/button';
import { Card, Notice, Stats } from '@/ui/layout';
import ui from '@/ui/ui.module.css';
import { linkTo } from '@/url/links';
import styles from './status.module.css';

const KNOWN_REASONS = [
  'redis',
  'shared_cache',
  'database',
  'data',
  'offered_pair',
  'artifacts',
] as const;

/** What is wrong, in plain words, and in those of the server. */
export function Reasons({ reasons }: { reasons: Health['reasons'] }) {
  const { t } = useTranslation();
  if (reasons.length === 0) return null;
  return (
    <Card title={t('status.reasons.title')}>
      <div className={styles.list}>
        {reasons.map(({ name, detail }) => {
          const known = KNOWN_REASONS.find((each) => each === name);
          const title = known ? t(`status.reasons.${known}`) : t('status.reasons.other', { name });
          return (
            <Notice key={name} tone="warn" title={title}>
              <p>{detail}</p>
            </Notice>
          );
        })}
      </div>
    </Card>
  );
}

export function ReleaseCard({ health }: { health: Health }) {
  const { t } = useTranslation();
  const { day, number } = useFormat();
  const age = health.data_age_days;
  return (
    <Card title={t('status.release.title')}>
      <Stats
        items={[
          {
            label: t('status.release.data'),
            value: day(health.snapshot.origin),
            detail: age > 0 ? t('status.release.age', { count: age }) : t('status.release.current'),
          },
          { label: t('status.release.trained'), value: day(health.model_trained_through) },
          { label: t('status.release.nodes'), value: number(health.nodes) },
        ]}
      />
      <dl className={styles.names}>
        <dt>{t('status.release.model')}</dt>
        <dd>
          <code>{health.model_version}</code>
        </dd>
        <dt>{t('status.release.snapshot')}</dt>
        <dd>
          <code>{health.snapshot.digest}</code>
        </dd>
      </dl>
      {health.demo && <p className={ui.hint}>{t('status.release.demo')}</p>}
    </Card>
  );
}

export function QualityCard({ warnings }: { warnings: readonly string[] }) {
  const { t } = useTranslation();
  return (
    <Card
      title={t('status.quality.title')}
      actions={<ButtonLink href={linkTo('quality')}>{t('status.quality.more')}</ButtonLink>}
    >
      {warnings.length === 0 ? (
        <p>{t('status.quality.none')}</p>
      ) : (
        <>
          <p className={ui.hint}>{t('status.quality.text')}</p>
          <ul className={styles.bullets}>
            {warnings.map((warning) => (
              <li key={warning}>{warning}</li>
            ))}
          </ul>
        </>
      )}
    </Card>
  );
}
