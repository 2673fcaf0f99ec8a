import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { api, content, type Schemas } from '@/api/client';
import { useLevelLabel, useNodeLabel } from '@/api/nodes';
import type { Meta } from '@/api/queries';
import { useFormat } from '@/format/use-format';
import { Button } from '@/ui/button';
import { type Column, DataTable } from '@/ui/data-table';
import { Segments, SelectField } from '@/ui/field';
import { Badge, Card, EmptyState, Notice } from '@/ui/layout';
import { QueryView } from '@/ui/query-view';
import ui from '@/ui/ui.module.css';
import { linkTo } from '@/url/links';
import { oneOf, text, useQueryState } from '@/url/query-state';
import styles from './quality.module.css';

type Answer = Schemas['NodeAccuracyAnswer'];
type NodeErrors = Schemas['NodeErrors'];
type Order = Schemas['Order'];

const ORDERS = ['units', 'hard', 'easy'] as const;
const ORDER = oneOf<Order>(...ORDERS);
/** Nodes of the first page, and of each that is asked for after it. */
const FIRST_PAGE = 20;
const NEXT_PAGE = 200;

/** Nodes of a level by their errors, a page at a time. */
function useNodeAccuracy(query: { level: string; order: Order }) {
  return useInfiniteQuery({
    queryKey: ['accuracy', 'series', query],
    queryFn: ({ pageParam, signal }) => {
      const limit = pageParam === 0 ? FIRST_PAGE : NEXT_PAGE;
      const page = { ...query, limit, ...(pageParam ? { offset: pageParam } : {}) };
      return content<Answer>(api.GET('/accuracy/series', { params: { query: page }, signal }));
    },
    initialPageParam: 0,
    getNextPageParam: ({ nodes }, pages) => {
      const listed = pages.reduce((sum, page) => sum + page.series.length, 0);
      return listed < nodes ? listed : undefined;
    },
    placeholderData: keepPreviousData,
  });
}

/** Return whether the rule of last week would have been better than the forecast. */
function isBeaten({ wape, baselines: { seasonal_naive: rule } }: NodeErrors): boolean {
  return wape !== null && rule != null && wape > rule;
}

/** Nodes of a level whose last weeks were forecast worst, or best. */
export function HardSeries({ meta }: { meta: Meta }) {
  const { t } = useTranslation();
  const levelLabel = useLevelLabel();
  const levels = meta.hierarchy.slice(1).map((each) => each.name);
  const [wanted, setLevel] = useQueryState('level', text, '');
  const [order, setOrder] = useQueryState('order', ORDER, 'units');
  const level = levels.includes(wanted) ? wanted : 'bottom';
  const errors = useNodeAccuracy({ level, order });
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
          choices={ORDERS.map((each) => ({
            value: each,
            label: t(`quality.hard.${each}`),
          }))}
          onChange={setOrder}
        />
      </div>
      <QueryView query={errors}>{({ pages }) => <ErrorsOfNodes pages={pages} />}</QueryView>
      {errors.hasNextPage && (
        <div className={styles.more}>
          <Button aria-busy={errors.isFetchingNextPage} onClick={() => void errors.fetchNextPage()}>
            {t('quality.hard.more')}
          </Button>
        </div>
      )}
    </Card>
  );
}

function ErrorsOfNodes({ pages }: { pages: readonly Answer[] }) {
  const { t } = useTranslation();
  const { days, share, shareChange, units } = useFormat();
  const nodeLabel = useNodeLabel();
  const [answer] = pages;
  const series = pages.flatMap((page) => page.series);
  if (answer === undefined || series.length === 0)
    return <EmptyState>{t('quality.hard.none')}</EmptyState>;
  const view = { asOf: answer.origin, horizon: answer.horizon };
  const columns: Column<NodeErrors>[] = [
    {
      id: 'node',
      label: t('node.label'),
      cell: ({ node }) => (
        <Link href={linkTo('forecast', { node, ...view })}>{nodeLabel(node)}</Link>
      ),
    },
    {
      id: 'wrong',
      label: t('quality.hard.wrong'),
      numeric: true,
      cell: (each) => units(each.units_wrong),
    },
    { id: 'wape', label: t('quality.wape'), numeric: true, cell: (each) => share(each.wape) },
    {
      id: 'rule',
      label: t('method.seasonal_naive'),
      numeric: true,
      cell: (each) => (
        <>
          {isBeaten(each) && <Badge tone="warn">{t('quality.hard.better')}</Badge>}{' '}
          {share(each.baselines.seasonal_naive)}
        </>
      ),
    },
    { id: 'bias', label: t('quality.bias'), numeric: true, cell: (each) => shareChange(each.bias) },
    { id: 'sold', label: t('chart.actual'), numeric: true, cell: (each) => units(each.units_sold) },
    {
      id: 'forecast',
      label: t('chart.forecast'),
      numeric: true,
      cell: (each) => units(each.units_forecast),
    },
  ];
  const beaten = series.filter(isBeaten).length;
  const newest = answer.snapshot.origin;
  return (
    <div className={styles.listing}>
      {answer.in_sample && <Notice tone="warn">{t('quality.hard.inSample')}</Notice>}
      <p>
        {beaten === 0
          ? t('quality.hard.noneBeaten')
          : t('quality.hard.beaten', { count: beaten, shown: series.length })}
      </p>
      <DataTable
        caption={t('quality.hard.caption', {
          shown: series.length,
          count: answer.nodes,
          days: days(answer.date, newest),
        })}
        columns={columns}
        rows={series}
        keyOf={({ node }) => node}
      />
      <p className={styles.note}>{t('quality.hard.note')}</p>
    </div>
  );
}
