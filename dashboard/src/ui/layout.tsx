import { type ReactNode, useEffect, useId } from 'react';
import { useTranslation } from 'react-i18next';
import { classes } from './classes';
import page from './page.module.css';
import styles from './ui.module.css';

/**
 * Frame of a page: its heading, the sentence that answers its question, controls and content.
 *
 * @param lead sentence below the heading; it is announced when it changes.
 * @param controls what the page is about and how far it looks, in one row.
 */
export function Page({
  title,
  lead,
  controls,
  children,
}: {
  title: string;
  lead?: ReactNode;
  controls?: ReactNode;
  children: ReactNode;
}) {
  const { t } = useTranslation();
  useEffect(() => {
    document.title = `${title} · ${t('app.name')}`;
  }, [title, t]);
  return (
    <div className={page.page}>
      <header className={page.head}>
        <h1 tabIndex={-1} id="page-title">
          {title}
        </h1>
        {lead && (
          <p className={page.lead} aria-live="polite">
            {lead}
          </p>
        )}
      </header>
      {controls && <div className={classes(styles.toolbar, 'no-print')}>{controls}</div>}
      {children}
    </div>
  );
}

/** A part of a page with a heading of its own. */
export function Card({
  title,
  actions,
  children,
}: {
  title?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}) {
  const id = useId();
  return (
    <section className={styles.card} aria-labelledby={title ? id : undefined}>
      {(title || actions) && (
        <div className={styles.cardHead}>
          {title && <h2 id={id}>{title}</h2>}
          {actions && <div className={classes(styles.toolbar, 'no-print')}>{actions}</div>}
        </div>
      )}
      {children}
    </section>
  );
}

export interface StatProps {
  label: string;
  value: ReactNode;
  detail?: ReactNode;
  tone?: 'good' | 'bad' | undefined;
}

/** Figures with their names, side by side. */
export function Stats({ items }: { items: StatProps[] }) {
  return (
    <dl className={styles.stats}>
      {items.map(({ label, value, detail, tone }) => (
        <div key={label} className={styles.stat}>
          <dt>{label}</dt>
          <dd>
            <span className={tone && styles[tone]}>{value}</span>
            {detail && <div className={styles.detail}>{detail}</div>}
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** Short texts, each on a line of its own. */
export function Lines({ items }: { items: readonly string[] }) {
  return items.map((each) => <div key={each}>{each}</div>);
}

export type Tone = 'info' | 'warn' | 'error' | 'success';

/** A message within a page; errors are announced at once. */
export function Notice({
  tone = 'info',
  title,
  children,
}: {
  tone?: Tone;
  title?: ReactNode;
  children?: ReactNode;
}) {
  return (
    <div
      className={classes(styles.notice, tone !== 'info' && styles[tone])}
      role={tone === 'error' ? 'alert' : 'status'}
    >
      {title && <strong>{title}</strong>}
      {children}
    </div>
  );
}

export function Badge({ tone = 'info', children }: { tone?: Tone; children: ReactNode }) {
  return <span className={classes(styles.badge, tone !== 'info' && styles[tone])}>{children}</span>;
}

/** What stands where there is nothing to show: why, and what to do. */
export function EmptyState({ children, action }: { children: ReactNode; action?: ReactNode }) {
  return (
    <div className={styles.empty}>
      <p>{children}</p>
      {action}
    </div>
  );
}

/** Place of content that is still loading, of about its height, so that nothing jumps. */
export function Skeleton({ height = '20rem' }: { height?: string }) {
  const { t } = useTranslation();
  return (
    <div className={styles.skeleton} style={{ height }} role="status">
      <span className="visually-hidden">{t('state.loading')}</span>
    </div>
  );
}
