import type { Meta } from '@/api/queries';
import { expectedHeader, OWN_COLUMNS } from './check-columns';
import type { CheckedRow } from './check-rows';
import { type Forecasted, NUMBERS, type Outcome } from './outcomes';
import { DATE, HORIZON } from './read-file';

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

/** Return a number as a cell; what the API did not give is empty. */
function cellOf(value: number | undefined): Cell {
  return value === undefined || Number.isNaN(value) ? '' : value;
}

const SOURCE = [OWN_COLUMNS.file, OWN_COLUMNS.line, 'node', 'level'];
const FACTS = ['method', 'origin', 'in_sample', 'degraded', 'model_version', 'snapshot'];

function* forecastRows(
  rows: readonly CheckedRow[],
  outcomes: readonly (Outcome | undefined)[],
  write: (forecast: Forecasted) => Iterable<Cell[]>,
): Generator<Cell[]> {
  for (const [at, row] of rows.entries()) {
    const outcome = outcomes[at];
    if (outcome?.kind !== 'forecast') continue;
    const { node, level, method, origin, inSample, degraded, modelVersion, snapshot } = outcome;
    const facts = [method, origin, inSample, degraded, modelVersion, snapshot];
    for (const cells of write(outcome)) yield [row.file, row.line, node, level, ...cells, ...facts];
  }
}

/** Return a file with one line for each row: the sum of its days, as the API gave it. */
export function sumsFile(rows: readonly CheckedRow[], outcomes: readonly (Outcome | undefined)[]) {
  const header = [...SOURCE, 'first', 'last', ...NUMBERS, ...FACTS];
  return csvOf(
    header,
    forecastRows(rows, outcomes, ({ first, last, sum }) => [
      [first, last, ...[...sum].map(cellOf)],
    ]),
  );
}

/** Return a file with one line for each row and day. */
export function daysFile(rows: readonly CheckedRow[], outcomes: readonly (Outcome | undefined)[]) {
  const width = NUMBERS.length;
  const header = [...SOURCE, 'date', ...NUMBERS, ...FACTS];
  return csvOf(
    header,
    forecastRows(rows, outcomes, ({ dates, days }) =>
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

/** Return an empty file for this retailer, with one row as an example. */
export function templateFile(meta: Meta): Promise<Blob> {
  const header = expectedHeader(meta);
  const horizon = meta.horizons[0] ?? meta.max_horizon;
  const example = header.map((name) =>
    name === DATE ? '' : name === HORIZON ? horizon : (meta.series[name]?.[0] ?? ''),
  );
  return csvOf(header, [example]);
}
