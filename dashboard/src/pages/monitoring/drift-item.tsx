import { useTranslation } from 'react-i18next';
import type { DriftEvent } from '@/api/monitoring';
import { useCovariateLabel, useLevelLabel, useNodeLabel } from '@/api/nodes';
import type { Meta } from '@/api/queries';
import { readableRange } from '@/format/days-ahead';
import { useFormat } from '@/format/use-format';
import { useCaller } from '@/session/caller';
import { ApiText } from '@/ui/api-text';
import { ButtonLink } from '@/ui/button';
import { Badge } from '@/ui/layout';
import ui from '@/ui/ui.module.css';
import { looksOf } from './drift-looks';
import styles from './monitoring.module.css';
import { SeverityBadge } from './severity-badge';

/** A drift: what drifts and how far, since when, and where to look. */
export function DriftItem({ meta, event }: { meta: Meta; event: DriftEvent }) {
  const { t } = useTranslation();
  const { day } = useFormat();
  const { can } = useCaller();
  const subjectLabel = useSubjectLabel(meta);
  const figureText = useFigureText(meta.step);
  const { detector, severity, subject, bucket, state, message, model_version } = event;
  const kind = t(`monitoring.drift.kind.${detector}`);
  const ahead = bucket && t(`quality.range.${meta.step}`, { days: readableRange(bucket) });
  const name = [kind, subjectLabel(event), ahead].filter(Boolean).join(' · ');
  const isOver = state === 'closed';
  const facts = [
    [t('monitoring.drift.since'), day(event.since)],
    [t('monitoring.drift.noticed'), day(event.opened)],
    ...(event.closed ? [[t('monitoring.drift.over'), day(event.closed)]] : []),
    [
      t(isOver ? 'monitoring.drift.figureThen' : 'monitoring.drift.figure'),
      figureText(event, event.figure),
    ],
    // data have no usual age
    ...(detector === 'stale_data'
      ? []
      : [
          [
            detector === 'worse_than_naive'
              ? t(`monitoring.live.rule.${meta.step}`)
              : t('monitoring.drift.reference'),
            figureText(event, event.reference),
          ],
        ]),
  ];
  return (
    <li className={styles.item}>
      <div className={styles.itemHead}>
        <h3>{name}</h3>
        {isOver && <Badge>{t('monitoring.drift.isOver')}</Badge>}
        {model_version !== meta.model_version && <Badge>{t('monitoring.drift.replaced')}</Badge>}
        <SeverityBadge severity={severity} />
      </div>
      <p>
        <ApiText>{message}</ApiText>
      </p>
      <dl className={styles.facts}>
        {facts.map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <div className={ui.toolbar}>
        {looksOf(meta, { detector, subject, since: event.since })
          .filter(({ scope }) => scope === undefined || can(scope))
          .map(({ look, href }) => {
            const label = t(`monitoring.drift.look.${look}`);
            return (
              <ButtonLink key={look} href={href} aria-label={`${label}: ${name}`}>
                {label}
              </ButtonLink>
            );
          })}
      </div>
    </li>
  );
}

/** Return the function that names what drifts: a level, a node, a covariate, or inputs of a topic. */
function useSubjectLabel(meta: Meta): (event: DriftEvent) => string {
  const { t } = useTranslation();
  const levelLabel = useLevelLabel();
  const nodeLabel = useNodeLabel();
  const covariateLabel = useCovariateLabel();
  return ({ detector, subject }) => {
    if (subject.includes(':')) return nodeLabel(subject);
    if (meta.hierarchy.some(({ name }) => name === subject)) return levelLabel(subject);
    if (detector === 'covariate_missing' || detector === 'covariate_unused')
      return covariateLabel(subject);
    if (subject === 'data' || subject === 'series' || subject === 'holiday')
      return t(`monitoring.drift.subject.${subject}`);
    return levelLabel(subject); // a topic of features, by its own name
  };
}

/** Return the function that writes what a test measures: a share, a PSI, or a number. */
function useFigureText(step: Meta['step']): (event: DriftEvent, value: number) => string {
  const { t } = useTranslation();
  const { share, shareChange, number } = useFormat();
  return ({ detector, subject }, value) => {
    switch (detector) {
      case 'too_high':
      case 'too_low':
      case 'day_error':
        return shareChange(value);
      case 'features':
        return t('monitoring.drift.psi', { value: number(value) });
      case 'silent_series':
        return number(value);
      case 'silent_site':
        return t(`monitoring.drift.${step}s`, { count: value });
      case 'stale_data':
        return t('monitoring.drift.days', { count: value });
      case 'unseen':
        return subject === 'holiday' ? number(value) : share(value);
      default:
        return share(value);
    }
  };
}
