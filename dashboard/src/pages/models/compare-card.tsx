import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useLevelLabel } from '@/api/nodes';
import { useStep } from '@/api/queries';
import { CategoryChart, CategoryLegend, type Subject } from '@/charts/category-chart';
import { readableRange } from '@/format/days-ahead';
import { useFormat } from '@/format/use-format';
import { DataTable } from '@/ui/data-table';
import { SelectField } from '@/ui/field';
import { Card, Notice } from '@/ui/layout';
import { QueryView } from '@/ui/query-view';
import ui from '@/ui/ui.module.css';
import styles from './models.module.css';
import { type Comparison, type Model, useComparison } from './use-models';

const MEASURES = ['wape', 'bias', 'rmsle', 'coverage_80', 'coverage_95'] as const;
type Measure = (typeof MEASURES)[number];

/** The figures of two trainings beside each other, of one level. */
export function CompareCard({ models }: { models: readonly Model[] }) {
  const { t } = useTranslation();
  const [first = '', second = ''] = models.map(({ bundle }) => bundle);
  const [chosen, setChosen] = useState({ first, second });
  const comparison = useComparison(chosen.first, chosen.second);
  const choices = models
    .filter(({ exists }) => exists)
    .map(({ bundle }) => ({ value: bundle, label: bundle }));
  return (
    <Card title={t('models.compare.title')}>
      <div className={ui.filters}>
        <SelectField
          label={t('models.compare.first')}
          value={chosen.first}
          choices={choices}
          onChange={(value) => setChosen({ ...chosen, first: value })}
        />
        <SelectField
          label={t('models.compare.second')}
          value={chosen.second}
          choices={choices}
          onChange={(value) => setChosen({ ...chosen, second: value })}
        />
      </div>
      <QueryView query={comparison}>{(data) => <Figures data={data} />}</QueryView>
    </Card>
  );
}

function Figures({ data }: { data: Comparison }) {
  const { t } = useTranslation();
  const { day, share, number } = useFormat();
  const levelLabel = useLevelLabel();
  const step = useStep();
  const levels = Object.keys(data.levels);
  const [level, setLevel] = useState(levels[0] ?? '');
  const write = (measure: Measure, value: number | null) =>
    measure === 'rmsle' && value !== null ? number(value, 4) : share(value);
  const pair = (measure: Measure, of: Comparison['levels'][string][string]) => {
    const figures = of[measure];
    if (figures === undefined) return null;
    return `${write(measure, figures.first)} → ${write(measure, figures.second)}`;
  };
  const { first, second } = data.origins;
  return (
    <>
      {!data.same_days && (
        <Notice tone="warn">
          <p>
            {t('models.compare.otherDays', {
              first: `${day(first.first)} – ${day(first.last)}`,
              second: `${day(second.first)} – ${day(second.last)}`,
            })}
          </p>
        </Notice>
      )}
      <div className={ui.filters}>
        <SelectField
          label={t('models.compare.level')}
          value={level}
          choices={levels.map((value) => ({ value, label: levelLabel(value) }))}
          onChange={setLevel}
        />
      </div>
      <Picture data={data} level={level} />
      <DataTable
        caption={t('models.compare.caption')}
        columns={[
          {
            id: 'ahead',
            label: t(`models.compare.ahead.${step}`),
            cell: ([range]) => readableRange(range),
          },
          ...MEASURES.map((measure) => ({
            id: measure,
            label: t(`models.compare.measure.${measure}`),
            numeric: true,
            cell: ([, figures]: [string, Comparison['levels'][string][string]]) =>
              pair(measure, figures),
          })),
        ]}
        rows={Object.entries(data.levels[level] ?? {})}
        keyOf={([range]) => range}
      />
    </>
  );
}

/** The errors of both models by steps ahead, of a level; the table has the same values. */
function Picture({ data, level }: { data: Comparison; level: string }) {
  const { t } = useTranslation();
  const step = useStep();
  const rows = Object.entries(data.levels[level] ?? {});
  const subjects: Subject[] = (['first', 'second'] as const).map((which) => ({
    id: which,
    label: data[which],
    shape: which === 'first' ? 'circle' : 'square',
    values: rows.map(([, { wape }]) => wape?.[which] ?? null),
  }));
  return (
    <figure className={styles.figure}>
      <figcaption className={ui.hint}>{t(`models.compare.picture.${step}`)}</figcaption>
      <CategoryLegend subjects={subjects} />
      <CategoryChart categories={rows.map(([range]) => readableRange(range))} subjects={subjects} />
    </figure>
  );
}
