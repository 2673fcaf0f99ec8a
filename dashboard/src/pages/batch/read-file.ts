/** Columns of a batch beside those that name what is forecast. */
export const NODE = 'node';
export const DATE = 'date';
export const HORIZON = 'horizon';

export const DELIMITERS = { ',': 'comma', ';': 'semicolon', '\t': 'tab', '|': 'bar' } as const;
export type Delimiter = keyof typeof DELIMITERS;
export type Encoding = 'UTF-8' | 'UTF-16' | 'Windows-1252';

/** More is no table that a person looks through, and the page would hold all of it in memory. */
export const MOST_ROWS = 50_000;
export const MOST_BYTES = 20 * 1024 * 1024;

export interface SourceRow {
  /** Line of the file where the row begins, the header being line 1. */
  line: number;
  cells: readonly string[];
}

/** A table as it was read: nothing is checked but its form. */
export interface SourceTable {
  name: string;
  delimiter: Delimiter;
  encoding: Encoding;
  header: readonly string[];
  rows: readonly SourceRow[];
  /** Line from which a quotation mark is never closed. */
  unclosedQuote: number | null;
  /** Whether the rows beyond the first `MOST_ROWS` were left out. */
  cut: boolean;
}

/** Return a name as the server compares it: NFC, without invisible characters and outer blanks. */
export function canonical(name: string): string {
  return name
    .normalize('NFC')
    .replace(/[\u200b\u2060\ufeff\u00ad]/g, '')
    .trim()
    .replace(/\s+/g, ' ');
}

/** Return the text of a file in the encoding that its bytes show. */
export function decode(bytes: Uint8Array): { text: string; encoding: Encoding } {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe)
    return { text: new TextDecoder('utf-16le').decode(bytes), encoding: 'UTF-16' };
  if (first === 0xfe && second === 0xff)
    return { text: new TextDecoder('utf-16be').decode(bytes), encoding: 'UTF-16' };
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes), encoding: 'UTF-8' };
  } catch {
    // Spreadsheets on Windows write this; its every byte is a character, so it is tried last.
    return { text: new TextDecoder('windows-1252').decode(bytes), encoding: 'Windows-1252' };
  }
}

/**
 * Return the delimiter of a header: the one that separates the most known columns.
 *
 * The rows are not asked: names such as `LIQUOR,WINE,BEER` hold delimiters.
 */
export function delimiterOf(header: string, known: readonly string[]): Delimiter {
  const names = new Set(known.map((name) => name.toLowerCase()));
  const count = (delimiter: string) => {
    const cells = header.split(delimiter).map((cell) => canonical(cell.replaceAll('"', '')));
    const matches = cells.filter((cell) => names.has(cell.toLowerCase())).length;
    return matches * 1000 + cells.length; // without a known column, the one that occurs most
  };
  const candidates = Object.keys(DELIMITERS) as Delimiter[];
  return candidates.reduce((best, each) => (count(each) > count(best) ? each : best));
}

function linesIn(cells: readonly string[]): number {
  return cells.reduce((sum, cell) => sum + (cell.match(/\r\n|\r|\n/g)?.length ?? 0), 1);
}

/** Read the text of a table (RFC 4180, with any of the usual delimiters); empty lines are none. */
export async function parseTable(
  name: string,
  text: string,
  encoding: Encoding,
  known: readonly string[],
): Promise<SourceTable> {
  const { default: Papa } = await import('papaparse');
  const plain = text.replace(/^\ufeff/, '');
  const delimiter = delimiterOf(plain.split(/\r\n|\r|\n/, 1)[0] ?? '', known);
  const parsed = Papa.parse<string[]>(plain, { delimiter, preview: 2 * MOST_ROWS });
  const rows: SourceRow[] = [];
  const lineOfRow: number[] = [];
  let line = 1;
  for (const cells of parsed.data) {
    lineOfRow.push(line);
    if (cells.some((cell) => cell.trim() !== '')) rows.push({ line, cells });
    line += linesIn(cells);
  }
  const quote = parsed.errors.find((error) => error.type === 'Quotes');
  const [header, ...body] = rows;
  return {
    name,
    delimiter,
    encoding,
    header: header?.cells.map(canonical) ?? [],
    rows: body.slice(0, MOST_ROWS),
    unclosedQuote: quote ? (lineOfRow[quote.row ?? 0] ?? 1) : null,
    cut: body.length > MOST_ROWS,
  };
}
