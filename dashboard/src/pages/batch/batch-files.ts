import type { Meta } from '@/api/queries';
import { commonHorizons, firstAhead } from '@/api/steps';
import { namingColumns, OWN_COLUMNS } from './check-columns';
import type { CheckedRow } from './check-rows';
import { type Forecasted, NUMBERS, type Outcome } from './outcomes';
import { DATE, HORIZON, NODE } from './read-file';

type Cell = string | number | boolean;

/** Time for which rows become text before the page gets to respond. */
const SLICE_MILLISECONDS = 20;
const ROWS_PER_PART = 200;
const BYTE_ORDER_MARK = '\ufeff'; // without it, spreadsheets do not read UTF-8

/**
 * Return a cell as CSV writes it (RFC 4180).
 *
 * A text that begins like a formula gets an apostrophe, as in the tables of the API.
 */
function written(cell: Cell): string {
  if (typeof cell !== 'string') return String(cell);
  const safe = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Return a CSV file of rows, made in parts so that the page does not stand still. */
async function csvOf(header: readonly string[], rows: Iterable<Cell[]>): Promise<Blob> {
  const parts: string[] = [];
  let part = `${BYTE_ORDER_MARK}${header.map(written).join()}\r\n`;
  let count = 0;
  let pauseAt = performance.now() + SLICE_MILLISECONDS;
  for (const row of rows) {
    part += `${row.map(written).join()}\r\n`;
    count += 1;
    if (count % ROWS_PER_PART !== 0) continue;
    parts.push(part);
    part = '';
    if (performance.now() < pauseAt) continue;
    await new Promise((resolve) => setTimeout(resolve));
    pauseAt = performance.now() + SLICE_MILLISECONDS;
  }
  return new Blob([...parts, part], { type: 'text/csv;charset=utf-8' });
}

/** More would pretend to a precision that no forecast has; fewer would make rare sales zero. */
const DIGITS = 3;

/** Return a number as a cell; what the API did not give is empty. */
function cellOf(value: number | undefined): Cell {
  return value === undefined || Number.isNaN(value) ? '' : Number(value.toFixed(DIGITS));
}

const PLACE = [OWN_COLUMNS.file, OWN_COLUMNS.line];
const NODE_COLUMNS = ['node', 'level'];
const FACTS = ['method', 'origin', 'in_sample', 'degraded', 'model_version', 'snapshot'];

/** Rows that were asked for, with what came of them. */
interface Results {
  meta: Meta;
  rows: readonly CheckedRow[];
  outcomes: readonly (Outcome | undefined)[];
}

/** Return the columns that name a series, and those that name any other node of the results. */
function namesOf({ meta, outcomes }: Results): string[] {
  const used = new Set(Object.keys(meta.series));
  for (const outcome of outcomes) {
    if (outcome?.kind !== 'forecast') continue;
    for (const name of Object.keys(outcome.series)) used.add(name);
  }
  return namingColumns(meta).filter((name) => used.has(name));
}

function* forecastRows(
  { rows, outcomes }: Results,
  columns: readonly string[],
  write: (forecast: Forecasted) => Iterable<Cell[]>,
): Generator<Cell[]> {
  for (const [at, row] of rows.entries()) {
    const outcome = outcomes[at];
    if (outcome?.kind !== 'forecast') continue;
    const { node, level, method, origin, inSample, degraded, modelVersion, snapshot } = outcome;
    const facts = [method, origin, inSample, degraded, modelVersion, snapshot];
    const names = columns.map((name) => outcome.series[name] ?? '');
    for (const cells of write(outcome))
      yield [row.file, row.line, ...names, node, level, ...cells, ...facts];
  }
}

/** Return a file with one line for each row: the sum of its days. */
export function sumsFile(results: Results): Promise<Blob> {
  const names = namesOf(results);
  const header = [...PLACE, ...names, ...NODE_COLUMNS, 'first', 'last', ...NUMBERS, ...FACTS];
  return csvOf(
    header,
    forecastRows(results, names, ({ first, last, sum }) => [
      [first, last, ...[...sum].map(cellOf)],
    ]),
  );
}

/** Return a file with one line for each row and day. */
export function daysFile(results: Results): Promise<Blob> {
  const width = NUMBERS.length;
  const names = namesOf(results);
  const header = [...PLACE, ...names, ...NODE_COLUMNS, 'date', ...NUMBERS, ...FACTS];
  return csvOf(
    header,
    forecastRows(results, names, ({ dates, days }) =>
      dates.map((date, at) => [
        date,
        ...[...days.subarray(at * width, (at + 1) * width)].map(cellOf),
      ]),
    ),
  );
}

/**
 * Return a file of the rows that have no forecast, as they were written, with the reason.
 *
 * It can be mended and sent again: the columns of the page itself are passed over then.
 */
export function rejectedFile(
  rows: readonly CheckedRow[],
  reasonOf: (row: CheckedRow, at: number) => string | null,
) {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row.written)))].filter(
    (name) => name !== '' && !(Object.values(OWN_COLUMNS) as string[]).includes(name),
  );
  function* lines(): Generator<Cell[]> {
    for (const [at, row] of rows.entries()) {
      const reason = reasonOf(row, at);
      if (reason !== null)
        yield [row.file, row.line, ...columns.map((name) => row.written[name] ?? ''), reason];
    }
  }
  return csvOf([OWN_COLUMNS.file, OWN_COLUMNS.line, ...columns, OWN_COLUMNS.reason], lines());
}

/**
 * Return a file for this retailer with a row for each way in which a forecast is asked for.
 *
 * A series alone, with a horizon, and with a first day too; a sum by fewer columns; a node by its id.
 */
export function templateFile(meta: Meta): Promise<Blob> {
  const columns = Object.keys(meta.series);
  const series = Object.fromEntries(columns.map((name) => [name, meta.series[name]?.[0] ?? '']));
  const [short = 1, long = short] = commonHorizons(meta);
  const sums = meta.hierarchy
    .filter((level) => level.columns.length > 0 && level.columns.length < columns.length)
    .filter((level) => level.columns.every((name) => columns.includes(name)))
    .map((level) => Object.fromEntries(level.columns.map((name) => [name, series[name] ?? ''])));
  const rows: Record<string, string | number>[] = [
    series,
    { ...series, [HORIZON]: short },
    { ...series, [DATE]: firstAhead(meta), [HORIZON]: long },
    ...sums,
    { [NODE]: 'total' },
  ];
  const header = [...columns, NODE, DATE, HORIZON];
  return csvOf(
    header,
    rows.map((row) => header.map((name) => row[name] ?? '')),
  );
}
