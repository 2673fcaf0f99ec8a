import { memo } from 'react';
import { useTranslation } from 'react-i18next';
import { useLevelLabel } from '@/api/nodes';
import { useFormat } from '@/format/use-format';
import { DataTable } from '@/ui/data-table';
import { Card, Notice } from '@/ui/layout';
import styles from './batch.module.css';
import type { CheckedRow, RowFault } from './check-rows';
import { DELIMITERS, MOST_ROWS } from './read-file';
import type { CheckedTable } from './use-checks';
import { useRowFaultText, useTableFaultText } from './use-texts';

const MOST_SHOWN = 100;

/**
 * What was read, and what is wrong with it: for each file, and for each row.
 *
 * It is not made again with each answer of a run, which changes nothing of it.
 */
export const CheckCard = memo(function CheckCard({
  checked,
  rows,
}: {
  checked: readonly CheckedTable[];
  rows: readonly CheckedRow[];
}) {
  const { t } = useTranslation();
  return (
    <Card title={t('batch.check.title')}>
      <ul className={styles.tables}>
        {checked.map((each, at) => (
          <li key={at}>
            <TableSummary {...each} />
          </li>
        ))}
      </ul>
      {rows.length > 0 && <LevelCounts rows={rows} />}
      <RowFaults rows={rows} severalFiles={checked.length > 1} />
    </Card>
  );
});

function TableSummary({ table, columns }: CheckedTable) {
  const { t } = useTranslation();
  const { number, list } = useFormat();
  const faultText = useTableFaultText();
  const count = table.rows.length;
  return (
    <>
      <p>
        <strong>{table.name}</strong>{' '}
        {t('batch.table.form', {
          rows: t('batch.table.rows', { count, text: number(count) }),
          delimiter: t(`batch.table.delimiter.${DELIMITERS[table.delimiter]}`),
          encoding: table.encoding,
        })}
      </p>
      {columns.ignored.length > 0 && (
        <Notice tone="warn">
          <p>{t('batch.table.ignored', { columns: list(columns.ignored) })}</p>
        </Notice>
      )}
      {table.cut && (
        <Notice tone="warn">
          <p>{t('batch.table.cut', { most: number(MOST_ROWS) })}</p>
        </Notice>
      )}
      {columns.faults.map((fault) => (
        <Notice key={JSON.stringify(fault)} tone="error">
          <p>{faultText(fault)}</p>
        </Notice>
      ))}
    </>
  );
}

/** The levels of the rows: a file that lacks a column asks for sums, which is seen here. */
function LevelCounts({ rows }: { rows: readonly CheckedRow[] }) {
  const { t } = useTranslation();
  const { number, list } = useFormat();
  const levelLabel = useLevelLabel();
  const counts = new Map<string | null, number>();
  for (const { item, level } of rows)
    if (item !== null) counts.set(level, (counts.get(level) ?? 0) + 1);
  if (counts.size === 0) return null;
  const parts = [...counts].map(([level, count]) =>
    t('batch.check.level', {
      level: level === null ? t('batch.check.byId') : levelLabel(level),
      rows: t('batch.table.rows', { count, text: number(count) }),
    }),
  );
  return <p>{t('batch.check.levels', { levels: list(parts) })}</p>;
}

interface PlacedFault {
  key: string;
  row: CheckedRow;
  fault: RowFault;
}

function RowFaults({ rows, severalFiles }: { rows: readonly CheckedRow[]; severalFiles: boolean }) {
  const { t } = useTranslation();
  const { number } = useFormat();
  const faultText = useRowFaultText();
  const wrong = rows.filter((row) => row.faults.length > 0);
  if (wrong.length === 0) return null;
  const faults: PlacedFault[] = wrong
    .slice(0, MOST_SHOWN)
    .flatMap((row, at) => row.faults.map((fault, of) => ({ key: `${at}.${of}`, row, fault })));
  const more = wrong.length - MOST_SHOWN;
  return (
    <div className={styles.faults}>
      <Notice
        tone="warn"
        title={t('batch.check.faults', { count: wrong.length, text: number(wrong.length) })}
      >
        <p>{t('batch.check.faultsHelp')}</p>
      </Notice>
      <DataTable
        caption={t('batch.check.faults', { count: wrong.length, text: number(wrong.length) })}
        columns={[
          {
            id: 'line',
            label: t('batch.check.line'),
            numeric: true,
            cell: ({ row }) => row.line,
          },
          ...(severalFiles
            ? [
                {
                  id: 'file',
                  label: t('batch.check.file'),
                  cell: ({ row }: PlacedFault) => row.file,
                },
              ]
            : []),
          { id: 'column', label: t('batch.check.column'), cell: ({ fault }) => fault.column },
          { id: 'value', label: t('batch.check.value'), cell: ({ fault }) => fault.value },
          { id: 'wrong', label: t('batch.check.wrong'), cell: ({ fault }) => faultText(fault) },
        ]}
        rows={faults}
        keyOf={({ key }) => key}
      />
      {more > 0 && <p>{t('batch.check.more', { count: more, text: number(more) })}</p>}
    </div>
  );
}
