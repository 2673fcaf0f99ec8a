import { useTranslation } from 'react-i18next';
import { useLevelLabel } from '@/api/nodes';
import { type OverrideGrouping, type OverrideGroupValue, useOverrideValue } from '@/api/overrides';
import { useFormat } from '@/format/use-format';
import { type Column, DataTable } from '@/ui/data-table';
import { Segments } from '@/ui/field';
import { Card, EmptyState, Skeleton } from '@/ui/layout';
import { ProblemNotice } from '@/ui/problem-notice';
import { oneOf, useQueryState } from '@/url/query-state';
import styles from './plan.module.css';

const GROUPINGS: readonly OverrideGrouping[] = ['author', 'level', 'kind', 'reason'];
const BY = oneOf<OverrideGrouping>(...GROUPINGS);

/** Whether overrides made forecasts better, by who made them or how, once their days are sold. */
export function OverrideValue() {
  const { t } = useTranslation();
  const format = useFormat();
  const [by, setBy] = useQueryState<OverrideGrouping>('by', BY, 'author');
  const { data, error, refetch } = useOverrideValue(by);
  const groupLabel = useGroupLabel(by);
  const columns: readonly Column<OverrideGroupValue>[] = [
    { id: 'group', label: t(`plan.helped.by.${by}`), cell: ({ group }) => groupLabel(group) },
    {
      id: 'overrides',
      label: t('plan.helped.overrides'),
      numeric: true,
      cell: (row) => format.number(row.overrides),
    },
    {
      id: 'days',
      label: t('plan.helped.days'),
      numeric: true,
      cell: (row) => format.number(row.days),
    },
    {
      id: 'value',
      label: t('plan.helped.value'),
      numeric: true,
      cell: (row) => format.change(row.value),
    },
    {
      id: 'share',
      label: t('plan.helped.share'),
      numeric: true,
      cell: (row) => format.shareChange(row.share),
    },
    {
      id: 'helped',
      label: t('plan.helped.helped'),
      numeric: true,
      cell: (row) => format.share(row.helped),
    },
    { id: 'verdict', label: t('plan.helped.verdict'), cell: (row) => t(verdictOf(row)) },
  ];
  return (
    <Card title={t('plan.helped.title')}>
      <div className={styles.stack}>
        <Segments<OverrideGrouping>
          label={t('plan.helped.label')}
          value={by}
          choices={GROUPINGS.map((value) => ({ value, label: t(`plan.helped.by.${value}`) }))}
          onChange={setBy}
        />
        {error && <ProblemNotice error={error} retry={() => void refetch()} />}
        {data === undefined && !error && <Skeleton height="8rem" />}
        {data?.total === null && <EmptyState>{t('plan.helped.empty')}</EmptyState>}
        {data?.total && (
          <>
            <DataTable
              caption={t('plan.helped.caption', { days: format.days(data.first, data.last) })}
              columns={columns}
              rows={[...data.groups, data.total]}
              keyOf={({ group }) => (group === null ? 'all' : `group ${group}`)}
            />
            <p className={styles.hint}>{t('plan.helped.hint')}</p>
          </>
        )}
      </div>
    </Card>
  );
}

/** Return the text of a group in the page's language; null is all of them. */
function useGroupLabel(by: OverrideGrouping): (group: string | null) => string {
  const { t } = useTranslation();
  const levelLabel = useLevelLabel();
  return (group) => {
    if (group === null) return t('plan.helped.all');
    if (by === 'level') return levelLabel(group);
    if (by === 'kind') return t(`plan.helped.kind.${group}` as 'plan.helped.kind.up-large');
    if (by === 'reason') return t(`plan.reason.${group}` as 'plan.reason.event');
    return group;
  };
}

/** Return what a value says: nothing, where chance alone could have made it. */
function verdictOf({ interval }: OverrideGroupValue) {
  if (interval === null) return 'plan.helped.tooFew';
  if (interval[0] > 0) return 'plan.helped.better';
  return interval[1] < 0 ? 'plan.helped.worse' : 'plan.helped.unclear';
}
