import { useTranslation } from 'react-i18next';
import { useLevelLabel } from '@/api/nodes';
import { readableRange } from '@/format/days-ahead';
import { useFormat } from '@/format/use-format';
import { type Column, DataTable } from '@/ui/data-table';
import { Segments } from '@/ui/field';
import { Badge, Card } from '@/ui/layout';
import { text, useQueryState } from '@/url/query-state';
import {
  type AccuracyGroup,
  byLevel,
  type Cell,
  judge,
  type LevelAccuracy,
  nominalsOf,
} from './level-accuracy';
import styles from './quality.module.css';

/** Whether intervals held as many of the sales as they promise, by level and days ahead. */
export function IntervalCoverage({ group, step }: { group: AccuracyGroup; step: 'day' | 'week' }) {
  const { t } = useTranslation();
  const nominals = nominalsOf(group);
  const [wanted, setWanted] = useQueryState('interval', text, '');
  const nominal = nominals.includes(wanted) ? wanted : nominals[0];
  const levelLabel = useLevelLabel();
  if (nominal === undefined) return null;
  const levels = byLevel(group);
  const ranges = [...new Set(group.levels.map((cell) => cell.days))];
  const columns: Column<LevelAccuracy>[] = [
    { id: 'level', label: t('quality.level'), cell: ({ level }) => levelLabel(level) },
    ...ranges.map((days) => ({
      id: days,
      label: t(`quality.range.${step}`, { days: readableRange(days) }),
      numeric: true,
      cell: ({ cells }: LevelAccuracy) => (
        <Coverage cell={cells.find((cell) => cell.days === days)} nominal={nominal} />
      ),
    })),
  ];
  return (
    <Card title={t('quality.coverage.title')}>
      {nominals.length > 1 && (
        <Segments
          label={t('quality.coverage.which')}
          value={nominal}
          choices={nominals.map((each) => ({ value: each, label: each.replace('%', ' %') }))}
          onChange={setWanted}
        />
      )}
      <p className={styles.sentence}>
        <CoverageSentence group={group} nominal={nominal} step={step} />
      </p>
      <DataTable
        caption={t('quality.coverage.caption', { nominal: nominal.replace('%', ' %') })}
        columns={columns}
        rows={levels}
        keyOf={({ level }) => level}
      />
      <p className={styles.note}>{t('quality.coverage.note')}</p>
    </Card>
  );
}

function Coverage({ cell, nominal }: { cell: Cell | undefined; nominal: string }) {
  const { t } = useTranslation();
  const { share } = useFormat();
  const held = cell?.coverage[nominal];
  if (held === undefined) return '–';
  const judgement = judge(held, nominal);
  return (
    <>
      {judgement !== 'kept' && (
        <>
          <Badge tone={judgement === 'narrow' ? 'error' : 'warn'}>
            {t(`quality.coverage.${judgement}`)}
          </Badge>{' '}
        </>
      )}
      {share(held)}
    </>
  );
}

/** The judgement in words: all as promised, or which interval misses most. */
function CoverageSentence({
  group,
  nominal,
  step,
}: {
  group: AccuracyGroup;
  nominal: string;
  step: 'day' | 'week';
}) {
  const { t } = useTranslation();
  const { share } = useFormat();
  const levelLabel = useLevelLabel();
  const promised = Number.parseFloat(nominal) / 100;
  const held = group.levels.flatMap((cell) => {
    const value = cell.coverage[nominal];
    return value === undefined ? [] : [{ cell, value }];
  });
  const missed = held.filter(({ value }) => judge(value, nominal) !== 'kept');
  const worst = missed.toSorted(
    (a, b) => Math.abs(b.value - promised) - Math.abs(a.value - promised),
  )[0];
  const shown = nominal.replace('%', ' %');
  if (worst === undefined) return t('quality.coverage.allKept', { nominal: shown });
  return t(`quality.coverage.worst.${step}`, {
    nominal: shown,
    kept: held.length - missed.length,
    count: held.length,
    level: levelLabel(worst.cell.level),
    days: readableRange(worst.cell.days),
    held: share(worst.value),
  });
}
