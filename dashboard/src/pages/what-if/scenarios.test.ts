import { describe, expect, it } from 'vitest';
import {
  EMPTY,
  firstAdjustment,
  readScenarios,
  requestOf,
  type Scenario,
  scenariosCodec,
  withAdjustment,
  writeScenarios,
} from './scenarios';

const MORE: Scenario = {
  name: 'More, "much" more & 50 %',
  adjustments: {
    onpromotion: { op: 'add', value: 10, from: '2024-07-05', to: '2024-07-09' },
    'price/net': { op: 'multiply', value: 0.9, from: '', to: '2024-07-09' },
    holiday: { op: 'set', value: null, from: '2024-07-04', to: '' },
  },
};
const NAMED: Scenario = {
  name: '',
  adjustments: { holiday: { op: 'set', value: 'Founders’ Day', from: '', to: '' } },
};

describe('scenarios in an address', () => {
  it('are read as they were written', () => {
    expect(readScenarios(writeScenarios([MORE, NAMED, EMPTY]))).toEqual([MORE, NAMED, EMPTY]);
  });

  it('survive the encoding of the address', () => {
    const search = new URLSearchParams({ scenarios: writeScenarios([MORE]) }).toString();
    const written = new URLSearchParams(search).get('scenarios') as string;
    expect(readScenarios(written)).toEqual([MORE]);
  });

  it('are left out where there is only an empty one', () => {
    expect(scenariosCodec.format({ list: [EMPTY], broken: false })).toBeNull();
    expect(scenariosCodec.format({ list: [NAMED], broken: false })).not.toBeNull();
  });

  it.each([
    ['no JSON', '[["a",{"x":["add",1]'],
    ['no list', '{"a":1}'],
    ['none', '[]'],
    ['too many', JSON.stringify(Array(5).fill(['', {}]))],
    ['a name that is no text', '[[1,{}]]'],
    ['a name that is too long', JSON.stringify([['a'.repeat(201), {}]])],
    ['changes that are a list', '[["a",[]]]'],
    ['an operation that there is not', '[["a",{"x":["divide",1]}]]'],
    ['a value that is an object', '[["a",{"x":["set",{}]}]]'],
    ['a value that is missing', '[["a",{"x":["set"]}]]'],
    ['a day that is none', '[["a",{"x":["set",1,"tomorrow"]}]]'],
    ['more than there should be', '[["a",{"x":["set",1,"","",1]}]]'],
  ])('are refused if they are %s', (_, text) => {
    expect(readScenarios(text)).toBeNull();
    expect(scenariosCodec.parse(text)).toEqual({ list: [EMPTY], broken: true });
  });
});

describe('an adjustment', () => {
  const window = { first: '2024-07-01', last: '2024-07-30' };

  it('begins with what changes nothing, or is set where nothing is known', () => {
    expect(firstAdjustment('count', window, '2024-07-16')).toEqual({
      op: 'add',
      value: 0,
      from: '',
      to: '',
    });
    expect(firstAdjustment('count', window, '2024-06-30').op).toBe('set');
    expect(firstAdjustment('price', window, '2024-08-16')).toMatchObject({
      op: 'multiply',
      value: 1,
      to: '',
    });
  });

  it('of a holiday begins with one day that is none', () => {
    expect(firstAdjustment('holiday', window, undefined)).toEqual({
      op: 'set',
      value: null,
      from: '2024-07-01',
      to: '2024-07-01',
    });
  });

  it('stays in its place when it changes, and goes when it is removed', () => {
    const price = { op: 'set', value: 2, from: '', to: '' } as const;
    const changed = withAdjustment(MORE, 'onpromotion', price);
    expect(Object.keys(changed.adjustments)).toEqual(Object.keys(MORE.adjustments));
    expect(withAdjustment(MORE, 'holiday', null).adjustments).not.toHaveProperty('holiday');
  });

  it('is sent without the days that are the window’s own', () => {
    expect(requestOf(MORE, { first: '2024-07-01', last: '2024-07-31' })).toEqual({
      onpromotion: { op: 'add', value: 10, from: '2024-07-05', to: '2024-07-09' },
      'price/net': { op: 'multiply', value: 0.9, to: '2024-07-09' },
      holiday: { op: 'set', value: null, from: '2024-07-04' },
    });
  });

  it('is sent for the days of the window alone', () => {
    expect(requestOf(MORE, { first: '2024-07-06', last: '2024-07-08' })).toEqual({
      onpromotion: { op: 'add', value: 10 },
      'price/net': { op: 'multiply', value: 0.9 },
      holiday: { op: 'set', value: null },
    });
    expect(requestOf(MORE, { first: '2024-07-10', last: '2024-07-12' })).toEqual({
      holiday: { op: 'set', value: null },
    });
    expect(requestOf(MORE, { first: '2024-06-01', last: '2024-07-03' })).toEqual({
      'price/net': { op: 'multiply', value: 0.9 },
    });
  });
});
