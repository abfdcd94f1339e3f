import { expect, it } from 'vitest';
import { runs } from './runs';

it.each([
  [[], []],
  [[null, null], []],
  [[1, 2, 3], [[0, 3]]],
  [[null, 1, 0, null, 4, null], [[1, 3], [4, 5]]],
])('%j has the runs %j', (values, found) => expect(runs(values)).toEqual(found));
