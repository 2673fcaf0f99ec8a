import { describe, expect, it } from 'vitest';
import { decode, delimiterOf, parseTable } from './read-file';

const KNOWN = ['store_nbr', 'family', 'node', 'date', 'horizon'];
const bytes = (...values: number[]) => new Uint8Array(values);

describe('decode', () => {
  it.each([
    ['UTF-8', new TextEncoder().encode('Café'), 'UTF-8'],
    ['UTF-8 with a byte order mark', new TextEncoder().encode('\ufeffCafé'), 'UTF-8'],
    ['Windows-1252', bytes(0x43, 0x61, 0x66, 0xe9), 'Windows-1252'],
    ['UTF-16', bytes(0xff, 0xfe, 0x43, 0, 0x61, 0, 0x66, 0, 0xe9, 0), 'UTF-16'],
  ])('reads %s', (_, content, encoding) => {
    expect(decode(content)).toEqual({ text: 'Café', encoding });
  });
});

describe('delimiterOf', () => {
  it.each([
    ['store_nbr,family,horizon', ','],
    ['store_nbr;family;horizon', ';'],
    ['store_nbr\tfamily\thorizon', '\t'],
    ['"store_nbr"|"family"', '|'],
    ['Family;weight, in kg; horizon', ';'],
  ])('finds what separates %s', (header, delimiter) => {
    expect(delimiterOf(header, KNOWN)).toBe(delimiter);
  });
});

describe('parseTable', () => {
  const parse = (text: string) => parseTable('a.csv', text, 'UTF-8', KNOWN);

  it('keeps delimiters within names', async () => {
    const quoted = await parse('store_nbr,family\n1,"LIQUOR,WINE,BEER"\n');
    expect(quoted.rows).toEqual([{ line: 2, cells: ['1', 'LIQUOR,WINE,BEER'] }]);
    const semicolons = await parse('store_nbr;family\n1;LIQUOR,WINE,BEER\n');
    expect(semicolons.rows[0]?.cells).toEqual(['1', 'LIQUOR,WINE,BEER']);
  });

  it('counts lines of the file, over empty lines and breaks within names', async () => {
    const table = await parse('store_nbr,family\r\n\r\n1,"A\r\nB"\r\n2,C\r\n');
    expect(table.rows.map((row) => row.line)).toEqual([3, 5]);
  });

  it('says where a quotation mark is never closed', async () => {
    const table = await parse('store_nbr,family\n1,DAIRY\n2,"PRODUCE\n3,DAIRY\n');
    expect(table.unclosedQuote).toBe(3);
  });

  it('reads 10,000 rows', async () => {
    const rows = Array.from({ length: 10_000 }, (_, at) => `${at},DAIRY`).join('\n');
    expect((await parse(`store_nbr,family\n${rows}`)).rows).toHaveLength(10_000);
  });
});
