import { expect, it } from 'vitest';
import { comparison, earlierName, percent } from './units';

const HOUR = 3_600_000;

it.each([
  ['range', HOUR, 'previous 1 h'],
  ['1h', HOUR, '1 hour earlier'],
  ['7d', HOUR, '7 days earlier'],
  ['90s', HOUR, '90s earlier'],
])('a panel that compares with %s says so', (compare, range, words) => expect(earlierName(compare, range)).toBe(words));

it.each([
  [110, 100, 'number', 'range', '▲ 10 % vs previous 1 h'],
  [50, 100, 'number', '1d', '▼ 50 % vs 1 day earlier'],
  [7, 0, 'number', 'range', '▲ from 0 in previous 1 h'],
  [7, 0, 'number', '1d', '▲ from 0, 1 day earlier'],
  [7, 7, 'number', 'range', 'as in previous 1 h'],
  [1.5, 1.25, 'percent', '1d', '▲ 0.25 points vs 1 day earlier'],
  [1.5, null, 'percent', 'range', 'none in previous 1 h'],
  [null, 3, 'ms', '1d', '3 ms 1 day earlier'],
  [null, null, 'ms', '1d', 'none 1 day earlier'],
] as const)('%s after %s in %s, compared with %s: %s', (value, was, unit, compare, words) => {
  const { change, rest } = comparison(value, was, unit, compare, HOUR);
  expect(change + rest).toBe(words);
});

it.each([[0, '0 %'], [0.001, '<0.01 %'], [9.5, '9.50 %'], [97.84, '97.8 %'], [100, '100 %']])('%s percent is %s', (value, words) => expect(percent(value)).toBe(words));
