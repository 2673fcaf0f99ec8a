import { describe, expect, it } from 'vitest';
import type { Meta } from '@/api/queries';
import { metaAnswer } from '@/test/answers';
import { divides, levelOfId, wayThrough } from './way';

const LEVELS: Meta['hierarchy'] = [
  { name: 'total', columns: [], nodes: 1 },
  { name: 'region', columns: ['region'], nodes: 2 },
  { name: 'shop', columns: ['shop'], nodes: 4 },
  { name: 'department', columns: ['department'], nodes: 5 },
  { name: 'region_department', columns: ['region', 'department'], nodes: 10 },
  { name: 'bottom', columns: ['shop', 'department'], nodes: 20 },
];

const META = metaAnswer({
  hierarchy: LEVELS,
  levels: Object.fromEntries(LEVELS.map((each) => [each.name, each.nodes])),
  series: { shop: ['1', '2', '3', '4'], department: ['a', 'b', 'c', 'd', 'e'] },
});

const level = (name: string) => LEVELS.find((each) => each.name === name) as (typeof LEVELS)[0];

describe('divides', () => {
  it.each([
    ['region', 'region_department', true],
    ['region', 'shop', 'maybe'],
    ['shop', 'department', false],
    ['department', 'shop', false],
    ['shop', 'shop', false],
  ])('rates %s divided by %s as %s', (above, below, expected) => {
    expect(divides(META, level(above), level(below))).toBe(expected);
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
