import { describe, expect, it } from 'vitest';
import { META } from '@/test/answers';
import { checkColumns } from './check-columns';
import { RowChecker } from './check-rows';
import { parseTable } from './read-file';

const KNOWN = ['store_nbr', 'family', 'node', 'date', 'horizon'];

async function check(text: string) {
  const table = await parseTable('a.csv', text, 'UTF-8', KNOWN);
  const columns = checkColumns(META, table);
  return { columns, rows: new RowChecker(META, 30).check(table, columns) };
}

async function faultsOf(header: string, row: string) {
  return (await check(`${header}\n${row}\n`)).rows[0]?.faults;
}

describe('checkColumns', () => {
  it.each([
    ['no header', '1,DAIRY,15', 'noHeader'],
    ['a missing column', 'family_name,horizon,store', 'missing'],
    ['a column twice', 'family,store_nbr,family', 'twice'],
    ['a misspelt column', 'store_nbr,family,horizn', 'misspelt'],
    ['no rows', 'store_nbr,family', 'noRows'],
  ])('refuses a file with %s', async (_, header, kind) => {
    const rows = kind === 'noRows' ? '' : '\n1,DAIRY,15';
    const { columns } = await check(header + rows);
    expect(columns.faults.map((fault) => fault.kind)).toContain(kind);
  });

  it('suggests the column that is meant', async () => {
    const { columns } = await check('Store_Nbr,familly\n1,DAIRY');
    expect(columns.faults).toEqual([{ kind: 'misspelt', column: 'familly', suggestion: 'family' }]);
  });

  it('names the columns that it does not use, except its own', async () => {
    const { columns } = await check('store_nbr,family,remark,line,reason\n1,DAIRY,x,2,y');
    expect(columns.faults).toEqual([]);
    expect(columns.ignored).toEqual(['remark']);
  });
});

describe('RowChecker', () => {
  it('makes the item of each row', async () => {
    const { rows } = await check(
      [
        'store_nbr;family;date;horizon;node',
        '1.0;DAIRY;2024-07-05 00:00:00;15;',
        ' 2 ;;;7.0;',
        ';;;;family:DAIRY',
      ].join('\n'),
    );
    expect(rows.map((row) => row.item)).toEqual([
      { series: { store_nbr: '1', family: 'DAIRY' }, date: '2024-07-05', horizon: 15 },
      { series: { store_nbr: '2' }, horizon: 7 },
      { node: 'family:DAIRY', horizon: 30 },
    ]);
    expect(rows.map((row) => row.level)).toEqual(['bottom', 'store', null]);
  });

  it.each([
    ['a date of another order', '1,DAIRY,31/12/2024,15', 'dateOrder', 'date'],
    ['a number of a spreadsheet', '1,DAIRY,45474,15', 'dateSerial', 'date'],
    ['a day that is none', '1,DAIRY,2024-02-30,15', 'date', 'date'],
    ['a date that is too late', '1,DAIRY,2024-12-01,15', 'dateRange', 'date'],
    ['a horizon of none', '1,DAIRY,,0', 'horizon', 'horizon'],
    ['a horizon that is too long', '1,DAIRY,,91', 'horizon', 'horizon'],
    ['half a day', '1,DAIRY,,1.5', 'horizon', 'horizon'],
    ['an unknown store', '77,DAIRY,,15', 'unknown', 'store_nbr'],
    ['nothing to forecast', ',,2024-07-01,15', 'noName', 'store_nbr, family'],
    ['too few values', '1,DAIRY', 'cells', ''],
    ['too many values', '1,DAIRY,,15,x', 'cells', ''],
  ])('refuses a row with %s', async (_, row, kind, column) => {
    expect(await faultsOf('store_nbr,family,date,horizon', row)).toMatchObject([{ kind, column }]);
  });

  it.each([
    ['DIARY', 'DAIRY'],
    ['dairy', 'DAIRY'],
    ['Liquor wine beer', 'LIQUOR,WINE,BEER'],
  ])('suggests what %s means', async (value, suggestion) => {
    expect(await faultsOf('store_nbr;family', `1;${value}`)).toMatchObject([
      { kind: 'misspelt', value, suggestion },
    ]);
  });

  it('suggests no other store for a number', async () => {
    expect(await faultsOf('store_nbr,family', '11,DAIRY')).toMatchObject([{ kind: 'unknown' }]);
    expect(await faultsOf('store_nbr,family', '010,DAIRY')).toMatchObject([
      { kind: 'misspelt', suggestion: '10' },
    ]);
  });

  it('reports every fault of a row', async () => {
    const faults = await faultsOf('store_nbr,family,date,horizon', '77,DIARY,1.7.2024,900');
    expect(faults).toHaveLength(4);
  });
});
