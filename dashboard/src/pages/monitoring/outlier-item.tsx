import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import type { Outlier } from '@/api/monitoring';
import { useNodeLabel } from '@/api/nodes';
import type { Meta } from '@/api/queries';
import { DaySketch } from '@/charts/day-sketch';
import { useFormat } from '@/format/use-format';
import { ApiText } from '@/ui/api-text';
import { Button } from '@/ui/button';
import { type Column, DataTable, TableOfChart } from '@/ui/data-table';
import { Badge } from '@/ui/layout';
import ui from '@/ui/ui.module.css';
import type { Acknowledged } from './acknowledge-dialog';
import { linkToDays } from './drift-looks';
import styles from './monitoring.module.css';
import { SeverityBadge } from './severity-badge';

type Day = Outlier['days'][number];

/** An outlier: what was odd, the days around it, and what somebody has said of it. */
export function OutlierItem({
  meta,
  outlier,
  onAcknowledge,
}: {
  meta: Meta;
  outlier: Outlier;
  /** Undefined where the caller may not say what it was. */
  onAcknowledge: ((acknowledged: Acknowledged) => void) | undefined;
}) {
  const { t } = useTranslation();
  const { units, days } = useFormat();
  const nodeLabel = useNodeLabel();
  const { id, kind, severity, node, first, last, value, expected, message, replaced } = outlier;
  const label = nodeLabel(node);
  const name = t('monitoring.outliers.of', { node: label, days: days(first, last) });
  return (
    <li className={styles.item}>
      <div className={styles.itemHead}>
        <h3>
          <Link href={linkToDays(meta, node, first)}>{name}</Link>
        </h3>
        <Badge>{t(`monitoring.outliers.kind.${kind}`)}</Badge>
        <SeverityBadge severity={severity} />
      </div>
      <div className={styles.besidePicture}>
        <div className={styles.words}>
          {expected !== null && (
            <p>
              <strong>
                {t('monitoring.outliers.value', {
                  value: units(value),
                  expected: units(expected),
                })}
              </strong>
            </p>
          )}
          <p className={styles.message}>
            <ApiText>{message}</ApiText>
          </p>
          {replaced && <p className={styles.note}>{t('monitoring.outliers.replaced')}</p>}
          <Said outlier={outlier} />
          {outlier.acknowledged_at === null && onAcknowledge && (
            <div className={ui.toolbar}>
              {([true, false] as const).map((real) => {
                const action = t(
                  real ? 'monitoring.outliers.happened' : 'monitoring.outliers.wrong',
                );
                return (
                  <Button
                    key={action}
                    aria-label={t('monitoring.outliers.ofLabel', { action, outlier: name })}
                    onClick={() => onAcknowledge({ id, name, real })}
                  >
                    {action}
                  </Button>
                );
              })}
            </div>
          )}
        </div>
        {outlier.days.length > 0 && (
          <figure className={styles.picture}>
            <figcaption className="visually-hidden">
              {t('monitoring.outliers.picture', { days: days(first, last), node: label })}
            </figcaption>
            <DaySketch days={outlier.days} first={first} last={last} />
            <DaysTable outlier={outlier} name={name} />
          </figure>
        )}
      </div>
    </li>
  );
}

/** The days of the picture in a table. */
function DaysTable({ outlier, name }: { outlier: Outlier; name: string }) {
  const { t } = useTranslation();
  const { units, day } = useFormat();
  const columns: Column<Day>[] = [
    { id: 'date', label: t('chart.date'), cell: ({ date }) => day(date) },
    {
      id: 'units',
      label: t('monitoring.outliers.sold'),
      numeric: true,
      cell: (each) => units(each.units),
    },
    {
      id: 'used',
      label: t('monitoring.outliers.used'),
      numeric: true,
      cell: (each) => units(each.used),
    },
  ];
  return (
    <TableOfChart label={t('monitoring.outliers.table')}>
      <DataTable caption={name} columns={columns} rows={outlier.days} keyOf={({ date }) => date} />
    </TableOfChart>
  );
}

/** What somebody has said of it, and when. */
function Said({ outlier }: { outlier: Outlier }) {
  const { t } = useTranslation();
  const { instant } = useFormat();
  const { acknowledged_at: at, acknowledged_by: by, real, note } = outlier;
  if (at === null) return null;
  return (
    <>
      <p className={styles.note}>
        {t(real ? 'monitoring.outliers.happenedBy' : 'monitoring.outliers.wrongBy', {
          by: by ?? '–',
          at: instant(at),
        })}
      </p>
      {note && <p className={styles.message}>“{note}”</p>}
    </>
  );
}
