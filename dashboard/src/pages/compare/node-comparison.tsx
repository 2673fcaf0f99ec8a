import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { useNodeLabel } from '@/api/nodes';
import { type ChartTone, TimeChart } from '@/charts/time-chart';
import { addDays, daysBetween } from '@/format/dates';
import { useFormat } from '@/format/use-format';
import { type Column, DataTable } from '@/ui/data-table';
import { Card, Notice } from '@/ui/layout';
import { linkTo } from '@/url/links';
import styles from './compare.module.css';
import { type ComparedNode, type ComparedSum, linesOf, type Mode, sumOf } from './comparison-lines';

interface ComparisonProps {
  nodes: readonly ComparedNode[];
  tones: ReadonlyMap<string, ChartTone>;
  mode: Mode;
  horizon: number;
  /** By how many weeks the sales that the forecasts are compared with are earlier. */
  weeks: number;
}

/** Lines of several nodes in one chart, and their sums over the horizon in a table. */
export function NodeComparison({ nodes, tones, mode, horizon, weeks }: ComparisonProps) {
  const { t } = useTranslation();
  return (
    <>
      <Card>
        <ComparisonChart nodes={nodes} tones={tones} mode={mode} />
      </Card>
      <Card title={t('compare.sums')}>
        <ComparisonTable nodes={nodes} horizon={horizon} weeks={weeks} />
      </Card>
    </>
  );
}

function ComparisonChart({ nodes, tones, mode }: Omit<ComparisonProps, 'horizon' | 'weeks'>) {
  const { t } = useTranslation();
  const { day, list, number } = useFormat();
  const nodeLabel = useNodeLabel();
  const { lines, omitted } = useMemo(
    () => linesOf(nodes, mode, tones, nodeLabel),
    [nodes, mode, tones, nodeLabel],
  );
  const origin = nodes[0]?.forecast.origin;
  const names = list(nodes.map((each) => nodeLabel(each.node)));
  return (
    <>
      {omitted.length > 0 && (
        <Notice tone="warn">
          {t('compare.omitted', { nodes: list(omitted.map(nodeLabel)), count: omitted.length })}
        </Notice>
      )}
      <TimeChart
        title={t('compare.chart', { nodes: names })}
        summary={mode === 'index' ? t('compare.indexHint') : t('compare.unitsHint')}
        lines={lines}
        named
        origin={origin}
        {...(mode === 'index' ? { format: (value: number) => number(value, 0) } : {})}
      >
        <p className={styles.note}>
          {origin && t('compare.legend', { day: day(origin) })}{' '}
          {mode === 'index' ? t('compare.indexHint') : t('compare.unitsHint')}
        </p>
      </TimeChart>
    </>
  );
}

function ComparisonTable({
  nodes,
  horizon,
  weeks,
}: Pick<ComparisonProps, 'nodes' | 'horizon' | 'weeks'>) {
  const { t } = useTranslation();
  const { units, change, shareChange, days } = useFormat();
  const nodeLabel = useNodeLabel();
  const sums = nodes.map(sumOf).filter((each) => each !== null);
  const whole = nodes[0]?.forecast.periods[0];
  const earlier = nodes[0]?.earlier?.previous_date ?? null;
  const columns: Column<ComparedSum>[] = [
    {
      id: 'node',
      label: t('node.label'),
      cell: ({ node }) => (
        <Link href={linkTo('forecast', { node, horizon })}>{nodeLabel(node)}</Link>
      ),
    },
    { id: 'units', label: t('chart.forecast'), numeric: true, cell: (each) => units(each.units) },
    {
      id: 'share',
      label: t('basis.change', { count: weeks }),
      numeric: true,
      cell: ({ share }) => shareChange(share),
    },
    { id: 'change', label: t('basis.units'), numeric: true, cell: (each) => change(each.change) },
    {
      id: 'previous',
      label: t('basis.sold', { count: weeks }),
      numeric: true,
      cell: ({ previous }) => units(previous),
    },
    {
      id: 'interval',
      label: t('chart.band', { level: 80 }),
      numeric: true,
      cell: ({ lower, upper }) => `${units(lower)} – ${units(upper)}`,
    },
  ];
  return (
    <>
      <div className={styles.sums}>
        <DataTable
          caption={whole ? t('compare.caption', { days: days(whole.first, whole.last) }) : ''}
          columns={columns}
          rows={sums}
          keyOf={({ node }) => node}
        />
      </div>
      {whole && earlier !== null && (
        <p className={styles.note}>
          {t('compare.earlier', {
            count: weeks,
            days: days(earlier, addDays(earlier, daysBetween(whole.first, whole.last))),
          })}
        </p>
      )}
    </>
  );
}
