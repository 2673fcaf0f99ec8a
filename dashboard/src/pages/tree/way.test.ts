import { describe, expect, it } from 'vitest';
import type { Meta } from '@/api/queries';
import { metaAnswer } from '@/test/answers';
import { levelOfId, nextLevels, wayThrough } from './way';

const BETWEEN = ['region', 'shop', 'department', 'region_department'];
const LEVELS: Meta['hierarchy'] = [
  { name: 'total', columns: [], nodes: 1, divided_by: BETWEEN },
  { name: 'region', columns: ['region'], nodes: 2, divided_by: ['shop', 'region_department'] },
  { name: 'shop', columns: ['shop'], nodes: 4, divided_by: [] },
  { name: 'department', columns: ['department'], nodes: 5, divided_by: ['region_department'] },
  { name: 'region_department', columns: ['region', 'department'], nodes: 10, divided_by: [] },
  { name: 'bottom', columns: ['shop', 'department'], nodes: 20, divided_by: [] },
];

const META = metaAnswer({
  hierarchy: LEVELS,
  levels: Object.fromEntries(LEVELS.map((each) => [each.name, each.nodes])),
  series: { shop: ['1', '2', '3', '4'], department: ['a', 'b', 'c', 'd', 'e'] },
});

describe('nextLevels', () => {
  it.each([
    ['the total', [], BETWEEN],
    ['a level', ['region'], ['shop', 'region_department']],
    ['a level that nothing but series divide', ['region', 'shop'], []],
  ])('offers what divides %s', (_, way, expected) => {
    expect(nextLevels(META, way)).toEqual(expected);
  });
});

describe('levelOfId', () => {
  it.each([
    ['total', 'total'],
    ['shop:1', 'shop'],
    ['region:North/department:a', 'region_department'],
    ['shop:1/department:a/b', 'bottom'],
  ])('finds the level of %s', (id, expected) => {
    expect(levelOfId(META, id)).toBe(expected);
  });
});

describe('wayThrough', () => {
  it.each([
    ['the first level by default', '', 'total', 'region'],
    ['the way that is wanted', 'region/shop', 'region:North', 'region/shop'],
    ['the level of a root that the wanted way passes by', 'department', 'shop:1', 'shop'],
  ])('takes %s', (_, wanted, root, expected) => {
    expect(wayThrough(META, wanted, root)).toBe(expected);
  });
});
