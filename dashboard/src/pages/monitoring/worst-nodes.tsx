import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { type LiveAccuracy, type LiveFigures, useLiveAccuracy } from '@/api/monitoring';
import { levelsBetween, useLevelLabel, useNodeLabel } from '@/api/nodes';
import type { Meta } from '@/api/queries';
import { addSteps, newestOf, usualHorizon } from '@/api/steps';
import { readableRange } from '@/format/days-ahead';
import { useFormat } from '@/format/use-format';
import { ButtonLink } from '@/ui/button';
import { type Column, DataTable } from '@/ui/data-table';
import { Segments, SelectField } from '@/ui/field';
import { Badge, Card, EmptyState } from '@/ui/layout';
import { QueryView } from '@/ui/query-view';
import ui from '@/ui/ui.module.css';
import { linkTo } from '@/url/links';
import { oneOf, text, useQueryState } from '@/url/query-state';
import { isBeaten, nearestOf } from './judgement';
import styles from './monitoring.module.css';
import type { Selection } from './use-selection';
import { useRange } from './use-verdict';

const SHOWN = 10;
const ORDERS = ['hard', 'units'] as const;
type Order = (typeof ORDERS)[number];
const ORDER = oneOf<Order>(...ORDERS);

/** Nodes of a level whose forecasts were worst in these days. */
export function WorstNodes({ meta, selection }: { meta: Meta; selection: Selection }) {
  const { t } = useTranslation();
  const levelLabel = useLevelLabel();
  const levels = levelsBetween(meta);
  const [wanted, setLevel] = useQueryState('worst', text, '');
  const [order, setOrder] = useQueryState<Order>('order', ORDER, 'hard');
  const level = levels.includes(wanted) ? wanted : (levels[0] ?? '');
  const nodes = useLiveAccuracy({ window: selection.days, level }, { enabled: level !== '' });
  return (
    <Card
      title={t('monitoring.worst.title')}
      actions={<ButtonLink href={linkTo('quality')}>{t('monitoring.worst.series')}</ButtonLink>}
    >
      {level !== '' && (
        <div className={styles.stack}>
          <div className={ui.toolbar}>
            <SelectField
              label={t('quality.level')}
              value={level}
              choices={levels.map((value) => ({ value, label: levelLabel(value) }))}
              onChange={setLevel}
            />
            <Segments
              label={t('monitoring.worst.order')}
              value={order}
              choices={ORDERS.map((value) => ({ value, label: t(`monitoring.worst.${value}`) }))}
              onChange={setOrder}
            />
          </div>
          <QueryView query={nodes} height="24rem">
            {(live) => <Listed meta={meta} live={live} order={order} selection={selection} />}
          </QueryView>
        </div>
      )}
    </Card>
  );
}

/** Return the figures of each node, of the nearest days ahead, the worst first. */
function worstOf({ figures }: LiveAccuracy, order: Order): LiveFigures[] {
  const ahead = nearestOf(figures)?.days_ahead;
  const known = figures.filter((each) => each.days_ahead === ahead && each.wape.value !== null);
  const badness = ({ wape, units_sold }: LiveFigures) =>
    (wape.value ?? 0) * (order === 'units' ? units_sold : 1);
  return known.sort((a, b) => badness(b) - badness(a));
}

function Listed({
  meta,
  live,
  order,
  selection,
}: {
  meta: Meta;
  live: LiveAccuracy;
  order: Order;
  selection: Selection;
}) {
  const { t } = useTranslation();
  const { days, share, shareChange } = useFormat();
  const nodeLabel = useNodeLabel();
  const range = useRange();
  const all = worstOf(live, order);
  const rows = all.slice(0, SHOWN);
  const [first] = rows;
  if (first === undefined) return <EmptyState>{t('monitoring.worst.none')}</EmptyState>;
  const horizon = usualHorizon(meta);
  const view = { horizon, asOf: addSteps(meta, newestOf(meta), -horizon) };
  const columns: Column<LiveFigures>[] = [
    {
      id: 'node',
      label: t('node.label'),
      cell: ({ node }) => (
        <Link href={linkTo('forecast', { node, ...view })}>{nodeLabel(node as string)}</Link>
      ),
    },
    {
      id: 'wape',
      label: t('monitoring.live.wape'),
      numeric: true,
      cell: ({ wape }) => share(wape.value),
    },
    {
      id: 'interval',
      label: t('monitoring.live.confidence'),
      numeric: true,
      cell: ({ wape }) => range(wape),
    },
    {
      id: 'rule',
      label: t(`monitoring.live.rule.${meta.step}`),
      numeric: true,
      cell: (each) => (
        <>
          {isBeaten(each) && <Badge tone="warn">{t('quality.hard.better')}</Badge>}{' '}
          {share(each.steps.seasonal_naive)}
        </>
      ),
    },
    {
      id: 'bias',
      label: t('monitoring.live.bias'),
      numeric: true,
      cell: ({ bias }) => shareChange(bias.value),
    },
    {
      id: 'over',
      label: t('monitoring.worst.over'),
      cell: ({ node }) => (
        <Link
          href={linkTo('monitoring', { node, window: selection.window })}
          aria-label={t('monitoring.worst.overLabel', { node: nodeLabel(node as string) })}
        >
          {t('monitoring.worst.show')}
        </Link>
      ),
    },
  ];
  return (
    <div className={styles.wrapped}>
      <DataTable
        caption={t('monitoring.worst.caption', {
          count: rows.length,
          all: all.length,
          ahead: t(`quality.range.${meta.step}`, { days: readableRange(first.days_ahead) }),
          dates: days(live.first as string, live.last as string),
        })}
        columns={columns}
        rows={rows}
        keyOf={({ node }) => node as string}
      />
      <p className={styles.note}>{t('monitoring.worst.note')}</p>
    </div>
  );
}
