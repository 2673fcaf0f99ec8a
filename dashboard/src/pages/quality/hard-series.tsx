import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { api, content, type Schemas } from '@/api/client';
import { useLevelLabel, useNodeLabel } from '@/api/nodes';
import type { Meta } from '@/api/queries';
import { useFormat } from '@/format/use-format';
import { type Column, DataTable } from '@/ui/data-table';
import { Segments, SelectField } from '@/ui/field';
import { Card, EmptyState, Notice } from '@/ui/layout';
import { QueryView } from '@/ui/query-view';
import ui from '@/ui/ui.module.css';
import { linkTo } from '@/url/links';
import { oneOf, text, useQueryState } from '@/url/query-state';
import styles from './quality.module.css';

type Answer = Schemas['NodeAccuracyAnswer'];
type NodeErrors = Schemas['NodeErrors'];
type Order = Schemas['Order'];

const ORDER = oneOf<Order>('hard', 'units', 'easy');
const LISTED = 20;

function useNodeAccuracy(query: { level: string; order: Order; limit: number }) {
  return useQuery({
    queryKey: ['accuracy', 'series', query],
    queryFn: ({ signal }) =>
      content<Answer>(api.GET('/accuracy/series', { params: { query }, signal })),
    placeholderData: keepPreviousData,
  });
}

/** Nodes of a level whose last weeks were forecast worst, or best. */
export function HardSeries({ meta }: { meta: Meta }) {
  const { t } = useTranslation();
  const levelLabel = useLevelLabel();
  const levels = meta.hierarchy.slice(1).map((each) => each.name);
  const [wanted, setLevel] = useQueryState('level', text, '');
  const [order, setOrder] = useQueryState('order', ORDER, 'hard');
  const level = levels.includes(wanted) ? wanted : 'bottom';
  const errors = useNodeAccuracy({ level, order, limit: LISTED });
  return (
    <Card title={t('quality.hard.title')}>
      <div className={ui.toolbar}>
        <SelectField
          label={t('quality.level')}
          value={level}
          choices={levels.map((each) => ({ value: each, label: levelLabel(each) }))}
          onChange={setLevel}
        />
        <Segments
          label={t('quality.hard.order')}
          value={order}
          choices={(['hard', 'units', 'easy'] as const).map((each) => ({
            value: each,
            label: t(`quality.hard.${each}`),
          }))}
          onChange={setOrder}
        />
      </div>
      <QueryView query={errors}>{(answer) => <ErrorsOfNodes answer={answer} />}</QueryView>
    </Card>
  );
}

function ErrorsOfNodes({ answer }: { answer: Answer }) {
  const { t } = useTranslation();
  const { days, share, shareChange, units } = useFormat();
  const nodeLabel = useNodeLabel();
  if (answer.series.length === 0) return <EmptyState>{t('quality.hard.none')}</EmptyState>;
  const view = { asOf: answer.origin, horizon: answer.horizon };
  const columns: Column<NodeErrors>[] = [
    {
      id: 'node',
      label: t('node.label'),
      cell: ({ node }) => (
        <Link href={linkTo('forecast', { node, ...view })}>{nodeLabel(node)}</Link>
      ),
    },
    { id: 'wape', label: t('quality.wape'), numeric: true, cell: (each) => share(each.wape) },
    {
      id: 'rule',
      label: t('method.seasonal_naive'),
      numeric: true,
      cell: (each) => share(each.baselines.seasonal_naive),
    },
    { id: 'bias', label: t('quality.bias'), numeric: true, cell: (each) => shareChange(each.bias) },
    { id: 'sold', label: t('chart.actual'), numeric: true, cell: (each) => units(each.units_sold) },
    {
      id: 'forecast',
      label: t('chart.forecast'),
      numeric: true,
      cell: (each) => units(each.units_forecast),
    },
    {
      id: 'wrong',
      label: t('quality.hard.wrong'),
      numeric: true,
      cell: (each) => units(each.units_wrong),
    },
  ];
  const newest = answer.snapshot.origin;
  return (
    <div className={styles.listing}>
      {answer.in_sample && <Notice tone="warn">{t('quality.hard.inSample')}</Notice>}
      <DataTable
        caption={t('quality.hard.caption', {
          shown: answer.series.length,
          count: answer.nodes,
          days: days(answer.date, newest),
        })}
        columns={columns}
        rows={answer.series}
        keyOf={({ node }) => node}
      />
      <p className={styles.note}>{t('quality.hard.note')}</p>
    </div>
  );
}
