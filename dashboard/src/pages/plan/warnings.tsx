import { useTranslation } from 'react-i18next';
import type { OverrideWarning } from '@/api/overrides';
import { Notice } from '@/ui/layout';
import styles from './plan.module.css';

/** What a planner should know before saving: in plain words, and in the API's own with its numbers. */
export function Warnings({ warnings }: { warnings: readonly OverrideWarning[] }) {
  const { t } = useTranslation();
  if (warnings.length === 0) return null;
  return (
    <Notice tone="warn" title={t('plan.warning.title')}>
      <ul className={styles.warnings}>
        {warnings.map(({ code, detail }) => (
          <li key={code}>
            <span>{t(`plan.warning.${code}`)}</span>
            <span className={styles.hint} lang="en">
              {detail}
            </span>
          </li>
        ))}
      </ul>
    </Notice>
  );
}
