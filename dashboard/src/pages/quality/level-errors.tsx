import { useTranslation } from 'react-i18next';
import { useLevelLabel } from '@/api/nodes';
import { CategoryChart, CategoryLegend, largestShare, type Subject } from '@/charts/category-chart';
import { readableRange } from '@/format/days-ahead';
import { useFormat } from '@/format/use-format';
import { type Column, DataTable, TableOfChart } from '@/ui/data-table';
import { Card } from '@/ui/layout';
import {
  type AccuracyGroup,
  byLevel,
  type Cell,
  type LevelAccuracy,
  RULES,
} from './level-accuracy';
import styles from './quality.module.css';

type Step = 'day' | 'week';

/** How far off forecasts were: a small chart for each level, on one scale, and a table of all. */
export function LevelErrors({ group, step }: { group: AccuracyGroup; step: Step }) {
  const { t } = useTranslation();
  const subjectsOf = useSubjects();
  const hasRules = group.levels.some((cell) => RULES.some((rule) => cell.baselines[rule] != null));
  const subjects = subjectsOf(group.levels).slice(0, hasRules ? undefined : 1);
  const most = largestShare(subjects);
  return (
    <Card title={t('quality.errors')}>
      <CategoryLegend subjects={subjects} />
      <div className={styles.multiples}>
        {byLevel(group).map((each) => (
          <LevelFigure key={each.level} accuracy={each} most={most} step={step} />
        ))}
      </div>
      <p className={styles.note}>{t(`quality.measure.${step}`)}</p>
      <TableOfChart>
        <ErrorTable group={group} step={step} hasRules={hasRules} />
      </TableOfChart>
    </Card>
  );
}

function LevelFigure({
  accuracy,
  most,
  step,
}: {
  accuracy: LevelAccuracy;
  most: number;
  step: Step;
}) {
  const sentence = useSentence();
  const subjectsOf = useSubjects();
  const levelLabel = useLevelLabel();
  const [first] = accuracy.cells;
  return (
    <figure className={styles.figure}>
      <figcaption>
        <h3>{levelLabel(accuracy.level)}</h3>
        <p className={styles.note}>{first && sentence(first, step)}</p>
      </figcaption>
      <CategoryChart
        categories={accuracy.cells.map(({ days }) => readableRange(days))}
        subjects={subjectsOf(accuracy.cells)}
        most={most}
      />
    </figure>
  );
}

/** Return the function that lists the errors of forecasts and of rules, where they were measured. */
function useSubjects(): (cells: readonly Cell[]) => Subject[] {
  const { t } = useTranslation();
  return (cells) => [
    {
      id: 'forecast',
      label: t('chart.forecast'),
      shape: 'circle',
      values: cells.map(({ wape }) => wape),
    },
    ...RULES.map(
      (rule): Subject => ({
        id: rule,
        label: t(`method.${rule}`),
        shape: rule === 'seasonal_naive' ? 'square' : 'triangle',
        values: cells.map(({ baselines }) => baselines[rule] ?? null),
      }),
    ),
  ];
}

/** Return the function that says in words how good forecasts were. */
export function useSentence(): (cell: Cell, step: Step) => string {
  const { t } = useTranslation();
  const { share } = useFormat();
  return (cell, step) => {
    const values = { days: readableRange(cell.days), wape: share(cell.wape) };
    const rule = cell.baselines.seasonal_naive;
    return rule == null
      ? t(`quality.off.${step}`, values)
      : t(`quality.offBeside.${step}`, { ...values, rule: share(rule) });
  };
}

function ErrorTable({
  group,
  step,
  hasRules,
}: {
  group: AccuracyGroup;
  step: Step;
  hasRules: boolean;
}) {
  const { t } = useTranslation();
  const { share, shareChange, number } = useFormat();
  const levelLabel = useLevelLabel();
  const rules: Column<Cell>[] = RULES.map((rule) => ({
    id: rule,
    label: t(`method.${rule}`),
    numeric: true,
    cell: (cell) => share(cell.baselines[rule]),
  }));
  const columns: Column<Cell>[] = [
    {
      id: 'level',
      label: t('quality.level'),
      cell: (cell) => `${levelLabel(cell.level)}, ${readableRange(cell.days)}`,
    },
    { id: 'wape', label: t('quality.wape'), numeric: true, cell: (cell) => share(cell.wape) },
    ...(hasRules ? rules : []),
    {
      id: 'bias',
      label: t('quality.bias'),
      numeric: true,
      cell: (cell) => shareChange(cell.bias),
    },
    {
      id: 'rmsle',
      label: 'RMSLE',
      numeric: true,
      cell: (cell) => (cell.rmsle === null ? '–' : number(cell.rmsle, 3)),
    },
  ];
  return (
    <DataTable
      caption={t(`quality.table.${step}`)}
      columns={columns}
      rows={group.levels}
      keyOf={(cell) => `${cell.level} ${cell.days}`}
    />
  );
}
