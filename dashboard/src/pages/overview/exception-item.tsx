import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { useLevelLabel, useNodeLabel } from '@/api/nodes';
import type { ExceptionEntry, Meta } from '@/api/queries';
import { addSteps, daysOfStep } from '@/api/steps';
import { daysBetween } from '@/format/dates';
import { useFormat } from '@/format/use-format';
import { linkTo } from '@/url/links';
import styles from './overview.module.css';

/** Return the address of the page that says most about an exception. */
export function linkOf(meta: Pick<Meta, 'step'>, entry: ExceptionEntry): string {
  const { kind, node, first, last } = entry;
  const horizon = daysBetween(first, last) / daysOfStep(meta) + 1;
  switch (kind) {
    case 'outside-band': // what was said before these days, and what came
      return linkTo('forecast', { node, horizon, asOf: addSteps(meta, first, -1) });
    case 'stockout': // these days lie in the past; the chart shows them before the forecast
      return linkTo('forecast', { node });
    case 'promotion':
      return linkTo('explain', { node, horizon });
    default:
      return linkTo('forecast', { node, horizon });
  }
}

/** A node that deviates: its name as a link, by how much, and on which days. */
export function ExceptionItem({ meta, entry }: { meta: Meta; entry: ExceptionEntry }) {
  const { t } = useTranslation();
  const { units, change, shareChange, days } = useFormat();
  const nodeLabel = useNodeLabel();
  const levelLabel = useLevelLabel();
  const { comparable } = entry;
  const likeForLike =
    comparable !== null &&
    comparable.change !== null &&
    shareChange(comparable.change) !== shareChange(entry.change) &&
    t('overview.exceptions.likeForLike', { change: shareChange(comparable.change) });
  return (
    <li className={styles.entry}>
      <Link href={linkOf(meta, entry)} className={styles.name}>
        {nodeLabel(entry.node)}
      </Link>
      <span className={styles.level}>{levelLabel(entry.level)}</span>
      <span className={styles.stake}>
        {t('overview.exceptions.stake', { change: change(entry.units) })}
        {entry.change !== null && <strong> {shareChange(entry.change)}</strong>}
      </span>
      <span className={styles.text}>
        {t(`overview.exceptions.kinds.${entry.kind}.text`, {
          days: days(entry.first, entry.last),
          forecast: units(entry.forecast),
          reference: units(entry.reference),
        })}
        {likeForLike && ` ${likeForLike}`}
      </span>
    </li>
  );
}
