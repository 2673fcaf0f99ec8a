import { useMemo } from 'react';
import type { Meta } from '@/api/queries';
import { type ColumnCheck, checkColumns } from './check-columns';
import { type CheckedRow, RowChecker } from './check-rows';
import type { SourceTable } from './read-file';

export interface CheckedTable {
  table: SourceTable;
  columns: ColumnCheck;
}

/** Return the files checked, and their rows if no file has a fault as a whole. */
export function useChecks(meta: Meta, tables: readonly SourceTable[], defaultHorizon: number) {
  return useMemo(() => {
    const checked: CheckedTable[] = tables.map((table) => ({
      table,
      columns: checkColumns(meta, table),
    }));
    const usable = checked.every(({ columns }) => columns.faults.length === 0);
    const checker = new RowChecker(meta, defaultHorizon);
    const rows: CheckedRow[] = usable
      ? checked.flatMap(({ table, columns }) => checker.check(table, columns))
      : [];
    return { checked, usable, rows };
  }, [meta, tables, defaultHorizon]);
}
