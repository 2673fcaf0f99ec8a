import type { Meta } from '@/api/queries';
import { DATE, HORIZON, NODE, type SourceTable } from './read-file';
import { Suggestions } from './suggest';

/** Columns that the page itself adds to the rejected rows, so that they can be sent again. */
export const OWN_COLUMNS = { file: 'file', line: 'line', reason: 'reason' } as const;

/** What is wrong with a file as a whole; the catalogue has a text for each kind. */
export type TableFault =
  | { kind: 'empty' | 'noRows' }
  | { kind: 'noHeader'; found: string; expected: string }
  | { kind: 'missing'; columns: string }
  | { kind: 'twice'; column: string }
  | { kind: 'misspelt'; column: string; suggestion: string }
  | { kind: 'unclosedQuote'; line: number };

export interface ColumnCheck {
  /** Name of the known column at each place of the header; null where it is not used. */
  columns: (string | null)[];
  /** Columns that are not used, as the header names them. */
  ignored: string[];
  faults: TableFault[];
}

/** Return the columns by which the levels of this retailer are named, those of series first. */
export function namingColumns(meta: Pick<Meta, 'hierarchy' | 'series'>): string[] {
  const all = [...Object.keys(meta.series), ...meta.hierarchy.flatMap((level) => level.columns)];
  return [...new Set(all)];
}

/** Return every column that a file may have. */
export function knownColumns(meta: Pick<Meta, 'hierarchy' | 'series'>): string[] {
  return [...namingColumns(meta), NODE, DATE, HORIZON];
}

/** Return the header that a file for this retailer begins with. */
export function expectedHeader(meta: Pick<Meta, 'series'>): string[] {
  return [...Object.keys(meta.series), DATE, HORIZON];
}

function missingColumns(meta: Meta, present: readonly (string | null)[]): string[] {
  if (present.includes(NODE)) return [];
  const named = (columns: readonly string[]) => columns.every((name) => present.includes(name));
  const levels = meta.hierarchy.filter((level) => level.columns.length > 0);
  if (levels.some((level) => named(level.columns))) return [];
  return Object.keys(meta.series).filter((name) => !present.includes(name));
}

/** Match the header of a file with the columns that there are. */
export function checkColumns(meta: Meta, table: SourceTable): ColumnCheck {
  const known = knownColumns(meta);
  const byCase = new Map(known.map((name) => [name.toLowerCase(), name]));
  const columns = table.header.map((name) => byCase.get(name.toLowerCase()) ?? null);
  const faults: TableFault[] = [];
  if (table.header.length === 0) return { columns, ignored: [], faults: [{ kind: 'empty' }] };
  if (columns.every((name) => name === null)) {
    const found = table.header.join(', ').slice(0, 80);
    const expected = expectedHeader(meta).join(', ');
    return { columns, ignored: [], faults: [{ kind: 'noHeader', found, expected }] };
  }
  const used = columns.filter((name) => name !== null);
  for (const column of new Set(used.filter((name, at) => used.indexOf(name) < at)))
    faults.push({ kind: 'twice', column });
  // A misspelt column must not be passed over: its rows would get the value of no column at all.
  const others = table.header.filter((name, at) => columns[at] === null && name !== '');
  const own: readonly string[] = Object.values(OWN_COLUMNS);
  const suggestions = new Suggestions(known.filter((name) => !used.includes(name)));
  const ignored: string[] = [];
  for (const column of others.filter((name) => !own.includes(name))) {
    const suggestion = suggestions.of(column);
    if (suggestion === null) ignored.push(column);
    else faults.push({ kind: 'misspelt', column, suggestion });
  }
  const missing = missingColumns(meta, columns);
  if (missing.length > 0 && !faults.some((fault) => fault.kind === 'misspelt'))
    faults.push({ kind: 'missing', columns: missing.join(', ') });
  if (table.unclosedQuote !== null)
    faults.push({ kind: 'unclosedQuote', line: table.unclosedQuote });
  if (table.rows.length === 0) faults.push({ kind: 'noRows' });
  return { columns, ignored, faults };
}
