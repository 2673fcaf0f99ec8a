import type { Meta } from '@/api/queries';
import { addDays } from '@/format/dates';
import { type ColumnCheck, namingColumns } from './check-columns';
import { canonical, DATE, HORIZON, NODE, type SourceTable } from './read-file';
import { Suggestions } from './suggest';

/** One forecast that is asked for, as the API takes it. */
export interface BatchItem {
  node?: string;
  series?: Record<string, string>;
  date?: string;
  horizon: number;
}

/** What is wrong with a row, and where; the catalogue has a text for each kind. */
export type RowFault = { column: string; value: string } & (
  | { kind: 'cells'; expected: number; found: number }
  | { kind: 'noName' | 'twoNames' | 'noLevel' }
  | { kind: 'unknown' }
  | { kind: 'misspelt'; suggestion: string }
  | { kind: 'date' | 'dateOrder' | 'dateSerial' }
  | { kind: 'dateRange'; first: string; last: string }
  | { kind: 'horizon'; most: number }
);

export interface CheckedRow {
  file: string;
  line: number;
  /** The cells as they were written, by the header of their file. */
  written: Readonly<Record<string, string>>;
  /** What the row is about in its own words, for a row that names no known node. */
  name: string;
  /** Level of the node; null where it is named by its id, or not known. */
  level: string | null;
  /** Null where a fault keeps the row from being sent. */
  item: BatchItem | null;
  faults: readonly RowFault[];
}

const MIDNIGHT = /[T ]00:00(:00(\.0+)?)?( ?(Z|UTC|[+-]\d{2}:?\d{2}))?$/;

/** Checks rows against what this retailer has, as the server will; nothing is sent for it. */
export class RowChecker {
  readonly #names: readonly string[];
  readonly #values = new Map<string, Set<string>>();
  readonly #suggestions = new Map<string, Suggestions>();

  constructor(
    readonly meta: Meta,
    readonly defaultHorizon: number,
  ) {
    this.#names = namingColumns(meta);
    for (const name of this.#names) {
      const values = meta.series[name] ?? meta.attributes[name] ?? [];
      this.#values.set(name, new Set(values));
      this.#suggestions.set(name, new Suggestions(values));
    }
  }

  /** Check the rows of a file whose header has no fault. */
  check(table: SourceTable, { columns }: ColumnCheck): CheckedRow[] {
    return table.rows.map(({ line, cells }) => {
      const written = Object.fromEntries(table.header.map((name, at) => [name, cells[at] ?? '']));
      const values = new Map<string, string>();
      columns.forEach((name, at) => {
        if (name !== null) values.set(name, canonical(cells[at] ?? ''));
      });
      const row = this.#checkRow(values, columns.length, cells);
      return { file: table.name, line, written, ...row };
    });
  }

  #checkRow(values: Map<string, string>, width: number, cells: readonly string[]) {
    const faults: RowFault[] = [];
    const extra = cells.slice(width).some((cell) => cell.trim() !== '');
    if (extra || cells.length < width) {
      const counts = { expected: width, found: cells.length };
      faults.push({ kind: 'cells', column: '', value: '', ...counts });
    }
    const named = this.#checkName(values, faults);
    const date = this.#checkDate(values.get(DATE) ?? '', faults);
    const horizon = this.#checkHorizon(values.get(HORIZON) ?? '', faults);
    const item = { ...named.by, ...(date ? { date } : {}), horizon };
    const { name, level } = named;
    return { name, level, faults, item: faults.length === 0 ? item : null };
  }

  #checkName(values: Map<string, string>, faults: RowFault[]) {
    const node = values.get(NODE) ?? '';
    const cells = this.#names.filter((name) => values.get(name));
    const name = node || cells.map((column) => values.get(column)).join(' · ');
    if (node !== '') {
      if (cells.length > 0) faults.push({ kind: 'twoNames', column: NODE, value: node });
      return { by: { node }, name, level: null };
    }
    const series: Record<string, string> = {};
    for (const column of cells)
      series[column] = this.#checkValue(column, values.get(column) ?? '', faults);
    const level = this.meta.hierarchy.find(
      ({ columns }) => columns.length === cells.length && columns.every((c) => cells.includes(c)),
    );
    const place = cells.join(', ');
    if (cells.length === 0)
      faults.push({ kind: 'noName', column: this.#names.join(', '), value: '' });
    else if (!level) faults.push({ kind: 'noLevel', column: place, value: name });
    return { by: { series }, name, level: level?.name ?? null };
  }

  #checkValue(column: string, value: string, faults: RowFault[]): string {
    const values = this.#values.get(column);
    if (values?.has(value)) return value;
    const whole = value.replace(/^(\d+)\.0+$/, '$1'); // a spreadsheet writes the store 1 as 1.0
    if (values?.has(whole)) return whole;
    const suggestion = this.#suggestions.get(column)?.of(value) ?? null;
    faults.push(
      suggestion === null
        ? { kind: 'unknown', column, value }
        : { kind: 'misspelt', column, value, suggestion },
    );
    return value;
  }

  #checkDate(value: string, faults: RowFault[]): string | null {
    if (value === '') return null;
    const day = value.replace(MIDNIGHT, '');
    const place = { column: DATE, value };
    if (!isDay(day)) {
      const kind = /^\d{1,2}([./-])\d{1,2}\1\d{4}$/.test(day)
        ? 'dateOrder'
        : /^\d{5}$/.test(day)
          ? 'dateSerial'
          : 'date';
      faults.push({ kind, ...place });
    } else {
      const { first = day, last = day } = this.meta.forecast;
      if (day < first || day > last) faults.push({ kind: 'dateRange', ...place, first, last });
    }
    return day;
  }

  #checkHorizon(value: string, faults: RowFault[]): number {
    if (value === '') return this.defaultHorizon;
    const match = /^(0|[1-9]\d{0,8})(?:\.0+)?$/.exec(value);
    const horizon = match ? Number(match[1]) : 0;
    const most = this.meta.max_horizon;
    if (horizon < 1 || horizon > most)
      faults.push({ kind: 'horizon', column: HORIZON, value, most });
    return horizon;
  }
}

/** Return whether a text is a day of the calendar as `YYYY-MM-DD`; 30 February is none. */
function isDay(value: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(value)) return false;
  const time = Date.parse(`${value}T00:00:00Z`);
  return !Number.isNaN(time) && addDays(value, 0) === value;
}
