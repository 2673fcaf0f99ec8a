import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useLevelLabel } from '@/api/nodes';
import { useStep } from '@/api/queries';
import { readableRange } from '@/format/days-ahead';
import { useFormat } from '@/format/use-format';
import { ApiText } from '@/ui/api-text';
import { type Column, DataTable, TableOfChart } from '@/ui/data-table';
import { SelectField } from '@/ui/field';
import { Notice } from '@/ui/layout';
import { ProblemNotice } from '@/ui/problem-notice';
import ui from '@/ui/ui.module.css';
import styles from './models.module.css';
import { useModel, type Verdict } from './use-models';

/** Measures of a verdict, in the order in which they are offered. */
const MEASURES = ['wape', 'rmsle', 'rmsse', 'bias', 'wis', 'coverage_80', 'coverage_95'] as const;
type Measure = (typeof MEASURES)[number];
type Levels = NonNullable<Verdict['levels']>;
type Figure = Levels[string]['figures'][string];

/** Measures that are written as percent. */
const SHARES: readonly Measure[] = ['wape', 'bias', 'coverage_80', 'coverage_95'];
/** Measures that are compared by their ratio; others by their distance from what they should be. */
const RATIOS: readonly Measure[] = ['wape', 'rmsle', 'rmsse', 'wis'];

const ALL_DAYS = '';

/** How a model compared, when it was trained, with the one that was served then. */
export function VerdictOf({ bundle }: { bundle: string }) {
  const { t } = useTranslation();
  const { data, error, refetch } = useModel(bundle);
  if (error) return <ProblemNotice error={error} retry={() => void refetch()} />;
  if (!data) return null;
  if (data.verdict === null) return <p className={ui.hint}>{t('models.verdict.none')}</p>;
  const { champion, outcome, why, faults, levels, served } = data.verdict;
  return (
    <div className={styles.verdict}>
      <Notice tone={outcome === 'worse' ? 'warn' : 'info'}>
        <p>
          {t('models.verdict.text', { champion, outcome: t(outcomeKey(outcome)) })}{' '}
          <ApiText>{why}.</ApiText>
        </p>
        {faults !== null && faults.length > 0 && (
          <details className={ui.details}>
            <summary>{t('models.verdict.faults', { count: faults.length })}</summary>
            <ul className={styles.bullets}>
              {faults.map((fault) => (
                <li key={fault}>
                  <ApiText>{fault}</ApiText>
                </li>
              ))}
            </ul>
          </details>
        )}
      </Notice>
      {levels && (
        <TableOfChart label={t('models.verdict.figures')}>
          <Figures levels={levels} origins={data.verdict.origins} />
        </TableOfChart>
      )}
      {served && <Served served={served} />}
    </div>
  );
}

const OUTCOMES = ['better', 'worse', 'equal', 'unknown'] as const;

function outcomeKey(outcome: string) {
  const known = OUTCOMES.find((each) => each === outcome) ?? 'unknown';
  return `models.verdict.outcome.${known}` as const;
}

interface FigureRow {
  level: string;
  figure: Figure | undefined;
}

/** The figures of both models by level, of one measure, over all steps ahead or some of them. */
function Figures({ levels, origins }: { levels: Levels; origins: Verdict['origins'] }) {
  const { t } = useTranslation();
  const { day } = useFormat();
  const levelLabel = useLevelLabel();
  const step = useStep();
  const write = useFigure();
  const all = Object.values(levels);
  const spans = [...new Set(all.flatMap(({ buckets }) => Object.keys(buckets)))];
  const [span, setSpan] = useState(ALL_DAYS);
  const [wanted, setWanted] = useState<Measure>('wape');
  const figuresOf = (of: Levels[string]) => (span === ALL_DAYS ? of.figures : of.buckets[span]);
  const measures = MEASURES.filter((each) => all.some((of) => figuresOf(of)?.[each]));
  const measure = measures.includes(wanted) ? wanted : measures[0];
  if (measure === undefined) return null;
  const columns: Column<FigureRow>[] = [
    { id: 'level', label: t('models.compare.level'), cell: ({ level }) => levelLabel(level) },
    ...(['champion', 'challenger', 'change', 'interval'] as const).map((id) => ({
      id,
      label: t(`models.verdict.column.${id}`),
      numeric: true,
      cell: ({ figure }: FigureRow) => figure && write[id](measure, figure),
    })),
  ];
  return (
    <>
      <div className={ui.filters}>
        <SelectField
          label={t('models.verdict.measure')}
          value={measure}
          choices={measures.map((value) => ({
            value,
            label: t(`models.compare.measure.${value}`),
          }))}
          onChange={setWanted}
        />
        {spans.length > 0 && (
          <SelectField
            label={t(`models.compare.ahead.${step}`)}
            value={span}
            choices={[
              { value: ALL_DAYS, label: t('models.verdict.allDays') },
              ...spans.map((value) => ({ value, label: readableRange(value) })),
            ]}
            onChange={setSpan}
          />
        )}
      </div>
      <DataTable
        caption={t(`models.verdict.caption.${RATIOS.includes(measure) ? 'ratio' : 'distance'}`)}
        columns={columns}
        rows={Object.entries(levels).map(([level, of]) => ({
          level,
          figure: figuresOf(of)?.[measure],
        }))}
        keyOf={({ level }) => level}
      />
      {origins && (
        <p className={ui.hint}>
          {t('models.verdict.origins', {
            count: origins.n,
            first: day(origins.first),
            last: day(origins.last),
          })}
        </p>
      )}
    </>
  );
}

type Writing = (measure: Measure, figure: Figure) => string;

/** Return functions that write the columns of a figure. */
function useFigure(): Record<'champion' | 'challenger' | 'change' | 'interval', Writing> {
  const { t } = useTranslation();
  const { share, shareChange, number } = useFormat();
  const value = (measure: Measure, of: number | null) =>
    SHARES.includes(measure) || of === null ? share(of) : number(of, 4);
  return {
    champion: (measure, { champion }) => value(measure, champion),
    challenger: (measure, { challenger }) => value(measure, challenger),
    change: (_, { change }) => shareChange(change),
    interval: (_, { low, high }) =>
      low === null || high === null
        ? '–'
        : t('models.verdict.range', { low: shareChange(low), high: shareChange(high) }),
  };
}

/** How the model would change what is served: its forecasts, their time, its size. */
function Served({ served }: { served: NonNullable<Verdict['served']> }) {
  const { t } = useTranslation();
  const { share, shareChange, list } = useFormat();
  const levelLabel = useLevelLabel();
  const moved = Object.entries(served.moved).map(
    ([level, value]) => `${levelLabel(level)} ${share(value)}`,
  );
  return (
    <ul className={styles.bullets}>
      {moved.length > 0 && <li>{t('models.verdict.moved', { moved: list(moved) })}</li>}
      {served.slower !== null && (
        <li>{t('models.verdict.slower', { slower: shareChange(served.slower) })}</li>
      )}
      {served.larger !== null && (
        <li>{t('models.verdict.larger', { larger: shareChange(served.larger) })}</li>
      )}
    </ul>
  );
}
