import { expect, test } from 'vitest';
import { parseNumber } from './parse-number';

test.each([
  ['1234', 'en', 1234],
  ['1,234', 'en', 1234],
  ['1.5', 'en', 1.5],
  ['+10', 'en', 10],
  ['-7.25', 'en', -7.25],
  ['\u22127', 'en', -7],
  ['1.234,5', 'es', 1234.5],
  ['7,5', 'es', 7.5],
  ['1\u202f234,5', 'fr', 1234.5],
  [' 3 ', 'es', 3],
])('reads %j in %s as %d', (text, locale, value) => {
  expect(parseNumber(text, locale)).toBe(value);
});

test.each([
  ['1,5', 'en'],
  ['1.5', 'es'],
  ['12,34', 'en'],
  ['1e3', 'en'],
  ['ten', 'en'],
  ['--1', 'en'],
  ['Infinity', 'en'],
  ['', 'en'],
])('does not guess what %j means in %s', (text, locale) => {
  expect(parseNumber(text, locale)).toBeUndefined();
});
