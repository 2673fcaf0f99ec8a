import type { Cell, Row } from 'write-excel-file/browser';
import { timeOf } from '@/format/dates';
import type { ExportColumn, ExportTable } from './table';

function cellOf(value: string | number | null, { kind }: ExportColumn): Cell {
  if (value === null) return null;
  if (kind === 'day') {
    return { value: new Date(timeOf(String(value))), type: Date, format: 'yyyy-mm-dd' };
  }
  return typeof value === 'number'
    ? { value, type: Number, format: '#,##0.0' }
    : { value, type: String };
}

function totalCell(value: string | number | null, column: ExportColumn): Cell {
  if (value === null) return null;
  const cell = typeof value === 'string' ? { value, type: String } : cellOf(value, column);
  return { ...(cell as object), fontWeight: 'bold' } as Cell;
}

/** Return a workbook: the table on its first sheet, and what it rests on (names and values) on another. */
export async function excelOf(
  name: string,
  table: ExportTable,
  basis: { name: string; rows: readonly (readonly [string, string])[] },
): Promise<Blob> {
  const { default: write } = await import('write-excel-file/browser');
  const head: Row = table.columns.map(({ label, kind }) => ({
    value: label,
    fontWeight: 'bold',
    align: kind === 'number' ? 'right' : 'left',
  }));
  const rows = table.rows.map((row) =>
    row.map((value, at) => cellOf(value, table.columns[at] as ExportColumn)),
  );
  const total = table.total?.map((value, at) =>
    totalCell(value, table.columns[at] as ExportColumn),
  );
  return write([
    {
      sheet: name,
      data: [head, ...rows, ...(total ? [total] : [])],
      columns: table.columns.map(({ label }) => ({ width: Math.max(12, label.length + 2) })),
      stickyRowsCount: 1,
    },
    {
      sheet: basis.name,
      data: basis.rows.map(
        ([label, value]): Row => [{ value: label, fontWeight: 'bold' }, { value }],
      ),
      columns: [{ width: 28 }, { width: 60 }],
    },
  ]).toBlob();
}
