import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { useNodeLabel } from '@/api/nodes';
import type { WhatIf } from '@/api/queries';
import { type ChartTone, type LineOfChart, TimeChart } from '@/charts/time-chart';
import { useFormat } from '@/format/use-format';
import { type Column, DataTable, TableOfChart } from '@/ui/data-table';
import { Notice, Stats } from '@/ui/layout';
import { linkTo } from '@/url/links';
import { useChanges } from './use-changes';
import { useFigureColumns } from './use-figure-columns';
import styles from './what-if.module.css';

/** A scenario that has an answer. */
export interface Result {
  id: string;
  name: string;
  answer: WhatIf;
}

const TONES: readonly ChartTone[] = ['adjusted', 'series3', 'series4', 'series5'];

/** Return a difference as a share of the baseline, or null where that is zero. */
export function shareOf({ delta_pct }: Pick<WhatIf, 'delta_pct'>): number | null {
  return delta_pct === null ? null : delta_pct / 100;
}

export function ResultStats({ answer }: { answer: WhatIf }) {
  const { t } = useTranslation();
  const { units } = useFormat();
  const changes = useChanges();
  const { baseline, scenario, delta } = answer;
  return (
    <Stats
      items={[
        { label: t('whatIf.result.planned'), value: units(baseline) },
        { label: t('whatIf.result.scenario'), value: units(scenario) },
        {
          label: t('whatIf.result.delta'),
          value: changes.units(delta),
          detail: changes.share(shareOf(answer)),
        },
      ]}
    />
  );
}

/** The scenarios with their sums, side by side. */
export function Comparison({ results }: { results: readonly Result[] }) {
  const { t } = useTranslation();
  const figures = useFigureColumns<Result>(({ answer }) => ({
    ...answer,
    share: shareOf(answer),
  }));
  const columns: Column<Result>[] = [
    { id: 'name', label: t('whatIf.scenario.choose'), cell: (row) => row.name },
    ...figures,
  ];
  return (
    <DataTable
      caption={t('whatIf.result.compare')}
      columns={columns}
      rows={results}
      keyOf={(row) => row.id}
    />
  );
}

function linesOf(results: readonly Result[], planned: string): LineOfChart[] {
  const baseline = results[0]?.answer.days ?? [];
  return [
    {
      id: 'baseline',
      label: planned,
      tone: 'forecast',
      dashed: true,
      values: new Map(baseline.map((each) => [each.date, each.baseline])),
    },
    ...results.map(
      ({ id, name, answer }, at): LineOfChart => ({
        id,
        label: name,
        tone: TONES[at] as ChartTone,
        values: new Map(answer.days.map((each) => [each.date, each.scenario])),
      }),
    ),
  ];
}

/** The planned forecast and each scenario, day by day. */
export function ResultChart({ results, summary }: { results: readonly Result[]; summary: string }) {
  const { t } = useTranslation();
  const { day } = useFormat();
  const changes = useChanges();
  const byDate = results.map(
    ({ answer }) => new Map(answer.days.map((each) => [each.date, each.delta])),
  );
  const dates = results[0]?.answer.days.map((each) => each.date) ?? [];
  const columns: Column<string>[] = [
    { id: 'day', label: t('whatIf.result.day'), cell: day },
    ...results.map(({ id, name }, at) => ({
      id,
      label: name,
      numeric: true,
      cell: (date: string) => changes.units(byDate[at]?.get(date) ?? 0),
    })),
  ];
  return (
    <TimeChart
      title={t('whatIf.result.chart')}
      summary={summary}
      lines={linesOf(results, t('whatIf.result.planned'))}
    >
      <TableOfChart label={t('whatIf.result.byDay')}>
        <DataTable
          caption={t('whatIf.result.byDay')}
          columns={columns}
          rows={dates}
          keyOf={(each) => each}
        />
      </TableOfChart>
    </TimeChart>
  );
}

/** What else a scenario moves, in words. */
export function AlsoMoved({ answer }: { answer: WhatIf }) {
  const { t } = useTranslation();
  const nodeLabel = useNodeLabel();
  const reconciled = answer.moved_by_reconciliation;
  const { date, horizon } = answer;
  return (
    <>
      {answer.levels_as_planned.length > 0 && reconciled.length === 0 && (
        <p className={styles.soft}>{t('whatIf.result.elsewhere')}</p>
      )}
      {reconciled.length > 0 && (
        <Notice>
          <p>{t('whatIf.result.reconciled', { count: reconciled.length })}</p>
          <ul className={styles.nodes}>
            {reconciled.map((node) => (
              <li key={node}>
                <Link href={linkTo('forecast', { node, date, horizon })}>{nodeLabel(node)}</Link>
              </li>
            ))}
          </ul>
        </Notice>
      )}
    </>
  );
}
