import { type ReactNode, useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { LiveAccuracy, LiveDay, LiveFigures } from '@/api/monitoring';
import { useLevelLabel } from '@/api/nodes';
import type { Meta } from '@/api/queries';
import { type LineOfChart, TimeChart } from '@/charts/time-chart';
import { readableRange } from '@/format/days-ahead';
import { useFormat } from '@/format/use-format';
import { type Column, DataTable } from '@/ui/data-table';
import { Badge, Card, EmptyState, type StatProps, Stats } from '@/ui/layout';
import { byDaysAhead, isBeaten, isNarrow, judge, nearestOf } from './judgement';
import styles from './monitoring.module.css';
import type { Selection } from './use-selection';
import { useRange } from './use-verdict';

const NOMINALS = ['80%', '95%'] as const;
const CHART_PIXELS = 240;

interface Props {
  meta: Meta;
  live: LiveAccuracy;
  /** Those of what is chosen. */
  figures: readonly LiveFigures[];
  selection: Selection;
}

/** How right the forecasts were that were served: figures, by day, and by days ahead. */
export function LiveCard({ meta, live, figures, selection }: Props) {
  const { t } = useTranslation();
  const { day, days } = useFormat();
  const nearest = nearestOf(figures);
  const daily = live.daily.filter((each) =>
    selection.node
      ? each.node === selection.node && each.level !== 'bottom'
      : each.node === null && each.level === selection.level,
  );
  if (live.last === null)
    return (
      <Card title={t('monitoring.live.title')}>
        <NothingYet meta={meta} />
      </Card>
    );
  if (nearest === undefined)
    return (
      <Card title={t('monitoring.live.title')}>
        <EmptyState>{t('monitoring.noGroup')}</EmptyState>
      </Card>
    );
  const { whose } = selection;
  const dates = days(daily[0]?.date ?? (live.first as string), live.last);
  return (
    <Card title={t('monitoring.live.title')}>
      <div className={styles.stack}>
        <Figures meta={meta} nearest={nearest} />
        <div className={styles.charts}>
          <ErrorChart daily={daily} whose={whose} step={meta.step} />
          <CoverageChart daily={daily} whose={whose} step={meta.step} />
        </div>
        <p className={styles.note}>
          {t('monitoring.live.note')}
          {live.adaptation &&
            ` ${t('monitoring.live.adapted', { day: day(live.adaptation.through) })}`}
        </p>
        <TableByDaysAhead
          meta={meta}
          figures={byDaysAhead(figures)}
          caption={t(`monitoring.live.table.${meta.step}`, { dates })}
          named={selection.node !== ''}
        />
        <p className={styles.note}>{t('monitoring.live.tableNote')}</p>
      </div>
    </Card>
  );
}

/** Why there is nothing to see, and what to do. */
function NothingYet({ meta }: { meta: Meta }) {
  const { t } = useTranslation();
  const { day } = useFormat();
  return (
    <EmptyState action={<p>{t('monitoring.empty.todo')}</p>}>
      {t('monitoring.empty.text', { day: day(meta.data.last as string) })}
    </EmptyState>
  );
}

/** The figures of the nearest days. */
function Figures({ meta, nearest }: { meta: Meta; nearest: LiveFigures }) {
  const { t } = useTranslation();
  const { share, shareChange } = useFormat();
  const range = useRange();
  const ahead = t(`quality.range.${meta.step}`, { days: readableRange(nearest.days_ahead) });
  const judgement = judge(nearest);
  const items: StatProps[] = [
    {
      label: `${t('monitoring.live.wape')}, ${ahead}`,
      value: share(nearest.wape.value),
      detail: range(nearest.wape),
      tone: judgement === 'worse' || isBeaten(nearest) ? 'bad' : judgement ? 'good' : undefined,
    },
    {
      label: t(`monitoring.live.rule.${meta.step}`),
      value: share(nearest.steps.seasonal_naive),
    },
  ];
  if (nearest.recorded)
    items.push({ label: t('monitoring.live.recorded'), value: share(nearest.recorded.wape) });
  items.push({
    label: t('monitoring.live.bias'),
    value: shareChange(nearest.bias.value),
    detail: range(nearest.bias),
  });
  for (const nominal of NOMINALS) {
    const held = nearest.coverage[nominal];
    if (held === undefined || held.value === null) continue;
    items.push({
      label: t('monitoring.live.within', { nominal: readable(nominal) }),
      value: share(held.value),
      detail: range(held),
      tone: isNarrow(held, nominal) ? 'bad' : undefined,
    });
  }
  return <Stats items={items} />;
}

/** Return a nominal coverage as it is read, on one line. */
function readable(nominal: string): string {
  return nominal.replace('%', '\u00a0%');
}

interface ChartProps {
  daily: readonly LiveDay[];
  whose: string;
  step: Meta['step'];
}

/** Return values by day, without the days that have none. */
function valuesOf(daily: readonly LiveDay[], value: (day: LiveDay) => number | null | undefined) {
  return new Map(
    daily.flatMap((day): [string, number][] => {
      const of = value(day);
      return of == null ? [] : [[day.date, of]];
    }),
  );
}

function ErrorChart({ daily, whose, step }: ChartProps) {
  const { t } = useTranslation();
  const { share, day } = useFormat();
  const lines = useMemo((): LineOfChart[] => {
    const rule = t(`monitoring.live.rule.${step}`);
    return [
      {
        id: 'forecast',
        label: t('chart.forecast'),
        tone: 'forecast',
        values: valuesOf(daily, ({ wape }) => wape),
      },
      {
        id: 'rule',
        label: rule,
        tone: 'series2',
        values: valuesOf(daily, ({ seasonal_naive }) => seasonal_naive),
      },
    ];
  }, [daily, step, t]);
  const newest = daily.at(-1);
  return (
    <Titled title={t(`monitoring.live.errorHeading.${step}`)}>
      <TimeChart
        title={t('monitoring.live.errorChart', { whose })}
        summary={
          newest
            ? t('monitoring.live.errorSummary', { wape: share(newest.wape), day: day(newest.date) })
            : ''
        }
        lines={lines}
        start={newest?.date}
        format={share}
        height={CHART_PIXELS}
      />
    </Titled>
  );
}

/** Share of the sales within intervals, day by day, and what the intervals promise. */
function CoverageChart({ daily, whose, step }: ChartProps) {
  const { t } = useTranslation();
  const { share, day, list } = useFormat();
  const lines = useMemo(
    (): LineOfChart[] =>
      NOMINALS.flatMap((nominal): LineOfChart[] => {
        const shown = readable(nominal);
        const promised = Number.parseFloat(nominal) / 100;
        return [
          {
            id: nominal,
            label: t('monitoring.live.within', { nominal: shown }),
            tone: nominal === '80%' ? 'forecast' : 'previous',
            values: valuesOf(daily, ({ coverage }) => coverage[nominal]),
          },
          {
            id: `${nominal} promised`,
            label: t('monitoring.live.promised'),
            tone: nominal === '80%' ? 'forecast' : 'previous',
            dashed: true,
            values: valuesOf(daily, () => promised),
          },
        ];
      }),
    [daily, t],
  );
  const measured = lines
    .filter(({ dashed }) => !dashed)
    .flatMap(({ values }) => [...values.values()]);
  const newest = daily.at(-1);
  const shares = NOMINALS.map((nominal) => share(newest?.coverage[nominal]));
  return (
    <Titled title={t(`monitoring.live.coverageHeading.${step}`)}>
      <TimeChart
        title={t('monitoring.live.coverageChart', { whose })}
        summary={
          newest
            ? t('monitoring.live.coverageSummary', { shares: list(shares), day: day(newest.date) })
            : ''
        }
        lines={lines}
        start={newest?.date}
        format={share}
        least={Math.floor(10 * Math.min(0.7, ...measured)) / 10}
        height={CHART_PIXELS}
      />
    </Titled>
  );
}

function Titled({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div className={styles.titled}>
      <h3>{title}</h3>
      {children}
    </div>
  );
}

function TableByDaysAhead({
  meta,
  figures,
  caption,
  named,
}: {
  meta: Meta;
  figures: readonly LiveFigures[];
  caption: string;
  /** Whether rows say whose they are: of a node there are its own, and those of its series. */
  named: boolean;
}) {
  const { t } = useTranslation();
  const { share, shareChange, number } = useFormat();
  const levelLabel = useLevelLabel();
  const range = useRange();
  const nameOf = ({ level, days_ahead }: LiveFigures) => {
    const days = readableRange(days_ahead);
    if (!named) return days;
    return `${level === 'bottom' ? t('monitoring.live.below') : levelLabel(level)}, ${days}`;
  };
  const columns: Column<LiveFigures>[] = [
    { id: 'ahead', label: t(`models.compare.ahead.${meta.step}`), cell: nameOf },
    {
      id: 'wape',
      label: t('monitoring.live.wape'),
      numeric: true,
      cell: (each) => (
        <>
          {judge(each) === 'worse' && <Badge tone="error">{t('monitoring.live.worse')}</Badge>}{' '}
          {share(each.wape.value)}
        </>
      ),
    },
    {
      id: 'interval',
      label: t('monitoring.live.confidence'),
      numeric: true,
      cell: ({ wape }) => range(wape),
    },
    {
      id: 'recorded',
      label: t('monitoring.live.recorded'),
      numeric: true,
      cell: ({ recorded }) => share(recorded?.wape),
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
    ...NOMINALS.map((nominal) => ({
      id: nominal,
      label: t('monitoring.live.within', { nominal: readable(nominal) }),
      numeric: true,
      cell: ({ coverage }: LiveFigures) => share(coverage[nominal]?.value),
    })),
    {
      id: 'days',
      label: t(`monitoring.live.days.${meta.step}`),
      numeric: true,
      cell: ({ days }) => number(days),
    },
    {
      id: 'values',
      label: t('monitoring.live.values'),
      numeric: true,
      cell: ({ values }) => number(values),
    },
  ];
  return (
    <div className={styles.wrapped}>
      <DataTable
        caption={caption}
        columns={columns}
        rows={figures}
        keyOf={({ level, days_ahead }) => `${level} ${days_ahead}`}
      />
    </div>
  );
}
