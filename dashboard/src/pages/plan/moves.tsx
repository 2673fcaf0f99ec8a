import { useTranslation } from 'react-i18next';
import { useLevelLabel, useNodeLabel } from '@/api/nodes';
import type { NewOverride } from '@/api/overrides';
import { useFormat } from '@/format/use-format';
import { type Column, DataTable } from '@/ui/data-table';
import ui from '@/ui/ui.module.css';

/** Rows of a table; the changes of the others are added up in one more. */
const MOST_ROWS = 50;

interface Move {
  id: string;
  label: string;
  level: string;
  baseline: number;
  scenario: number;
  delta: number;
}

function added(id: string, label: string, moves: readonly Move[]): Move {
  const sum = (of: (move: Move) => number) => moves.reduce((all, each) => all + of(each), 0);
  return {
    id,
    label,
    level: '',
    baseline: sum((each) => each.baseline),
    scenario: sum((each) => each.scenario),
    delta: sum((each) => each.delta),
  };
}

/** What an override moves above and below its node; the rows below add up to the node. */
export function Moves({ preview }: { preview: NewOverride }) {
  const { t } = useTranslation();
  const { change } = useFormat();
  const nodeLabel = useNodeLabel();
  const named = (each: Omit<Move, 'label'>): Move => ({ ...each, label: nodeLabel(each.id) });
  const above = preview.ancestors.map(named);
  const below = preview.children.map(named).sort((a, b) => Math.abs(b.delta) - Math.abs(a.delta));
  const rest = below.slice(MOST_ROWS);
  const node: Move = {
    id: preview.node,
    label: t('plan.moves.sum', { node: nodeLabel(preview.node) }),
    level: '',
    baseline: preview.total.before,
    scenario: preview.total.result,
    delta: preview.total.delta,
  };
  const rows = [
    ...below.slice(0, MOST_ROWS),
    ...(rest.length ? [added('rest', t('plan.moves.rest', { count: rest.length }), rest)] : []),
    node,
  ];
  const names = { change: change(preview.total.delta) };
  return (
    <div>
      {above.length > 0 && (
        <details className={ui.details}>
          <summary>{t('plan.moves.above', { ...names, count: above.length })}</summary>
          <MovesTable caption={t('plan.moves.aboveCaption')} rows={above} />
        </details>
      )}
      {below.length > 0 && (
        <details className={ui.details}>
          <summary>{t('plan.moves.below', { ...names, count: below.length })}</summary>
          <MovesTable caption={t('plan.moves.belowCaption')} rows={rows} />
        </details>
      )}
    </div>
  );
}

function MovesTable({ caption, rows }: { caption: string; rows: readonly Move[] }) {
  const { t } = useTranslation();
  const { units, change, shareChange } = useFormat();
  const levelLabel = useLevelLabel();
  const columns: Column<Move>[] = [
    { id: 'name', label: t('plan.moves.name'), cell: (row) => row.label },
    {
      id: 'level',
      label: t('plan.moves.level'),
      cell: (row) => (row.level ? levelLabel(row.level) : ''),
    },
    { id: 'before', label: t('plan.was'), numeric: true, cell: (row) => units(row.baseline) },
    { id: 'result', label: t('plan.will'), numeric: true, cell: (row) => units(row.scenario) },
    { id: 'change', label: t('plan.change'), numeric: true, cell: (row) => change(row.delta) },
    {
      id: 'share',
      label: t('plan.percent'),
      numeric: true,
      cell: (row) => (row.baseline > 0 ? shareChange(row.delta / row.baseline) : '–'),
    },
  ];
  return <DataTable caption={caption} columns={columns} rows={rows} keyOf={(row) => row.id} />;
}
