import { memo } from 'react';
import { useTranslation } from 'react-i18next';
import { useFormat } from '@/format/use-format';
import { type Column, DataTable, TableOfChart } from '@/ui/data-table';
import type { BandOfChart, LineOfChart } from './chart-types';

/** The very values that a chart draws, day by day. */
export const ChartTable = memo(function ChartTable({
  title,
  dates,
  lines,
  bands,
  show,
}: {
  title: string;
  dates: readonly string[];
  lines: readonly LineOfChart[];
  bands: readonly BandOfChart[];
  /** Format of the values. */
  show: (value: number) => string;
}) {
  const { t } = useTranslation();
  const { day } = useFormat();
  return (
    <TableOfChart>
      <DataTable
        caption={title}
        columns={columnsOf(t('chart.date'), day, show, lines, bands)}
        rows={dates}
        keyOf={(each) => each}
      />
    </TableOfChart>
  );
});

function columnsOf(
  dateLabel: string,
  day: (iso: string) => string,
  show: (value: number) => string,
  lines: readonly LineOfChart[],
  bands: readonly BandOfChart[],
): Column<string>[] {
  const shown = (value: number | undefined) => (value === undefined ? '–' : show(value));
  return [
    { id: 'date', label: dateLabel, cell: day },
    ...lines.map((each) => ({
      id: each.id,
      label: each.label,
      numeric: true,
      cell: (date: string) => shown(each.values.get(date)),
    })),
    ...bands.map((each) => ({
      id: each.id,
      label: each.label,
      numeric: true,
      cell: (date: string) =>
        each.lower.has(date)
          ? `${shown(each.lower.get(date))} – ${shown(each.upper.get(date))}`
          : '–',
    })),
  ];
}
