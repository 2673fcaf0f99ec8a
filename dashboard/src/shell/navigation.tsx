import { useTranslation } from 'react-i18next';
import { Link, useLocation } from 'wouter';
import { useCaller } from '@/session/caller';
import { PAGES, type PageName } from '@/url/links';
import styles from './shell.module.css';

/** Pages by group, each with the scope that its calls need; without it the page is not offered. */
const GROUPS: readonly (readonly { page: PageName; scope?: string }[])[] = [
  [
    { page: 'overview' },
    { page: 'forecast' },
    { page: 'explain', scope: 'explain' },
    { page: 'whatIf', scope: 'whatif' },
    { page: 'plan', scope: 'plan' },
  ],
  [
    { page: 'compare' },
    { page: 'tree' },
    { page: 'quality' },
    { page: 'monitoring' },
    { page: 'batch', scope: 'batch' },
  ],
  [{ page: 'status' }, { page: 'models', scope: 'admin' }, { page: 'keys', scope: 'admin' }],
];

function isCurrent(page: PageName, location: string): boolean {
  const path = PAGES[page];
  return location === path || (path !== '/' && location.startsWith(`${path}/`));
}

export function Navigation({ onNavigate }: { onNavigate?: () => void }) {
  const { t } = useTranslation();
  const [location] = useLocation();
  const { can } = useCaller();
  return (
    <nav aria-label={t('nav.label')} className={styles.nav}>
      {GROUPS.map((group, at) => (
        <div key={group[0]?.page} className={at ? styles.group : undefined}>
          {group
            .filter(({ scope }) => scope === undefined || can(scope))
            .map(({ page }) => (
              <Link
                key={page}
                href={PAGES[page]}
                className={styles.link}
                aria-current={isCurrent(page, location) ? 'page' : undefined}
                {...(onNavigate ? { onClick: onNavigate } : {})}
              >
                {t(`nav.${page}`)}
              </Link>
            ))}
        </div>
      ))}
    </nav>
  );
}
