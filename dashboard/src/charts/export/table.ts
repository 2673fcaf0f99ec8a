/** A table to be saved: texts, numbers and days (ISO), null where nothing is known. */
export interface ExportTable {
  columns: readonly ExportColumn[];
  rows: readonly (readonly (string | number | null)[])[];
  /** The last row, which sums up: a text, and a number or nothing for each other column. */
  total?: readonly (string | number | null)[];
}

export interface ExportColumn {
  label: string;
  kind: 'text' | 'day' | 'number';
}
