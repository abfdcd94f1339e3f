import { describe, expect, it } from 'vitest';
import { columnWidths, movedColumn, withColumn, withoutColumn } from './columns';

describe('columns', () => {
  it('come before the text', () => expect(withColumn(['function', 'message'], 'region')).toEqual(['function', 'region', 'message']));
  it('stand once', () => expect(withColumn(['region'], 'region')).toEqual(['region']));
  it('never all go', () => expect([withoutColumn(['a', 'b'], 'a'), withoutColumn(['a'], 'a')]).toEqual([['b'], ['a']]));
  it('move, but not over the edge', () => expect([movedColumn(['a', 'b', 'c'], 'c', -1), movedColumn(['a', 'b'], 'b', 1)]).toEqual([['a', 'c', 'b'], ['a', 'b']]));
  it('have one that takes the room', () => expect([['a', 'message', 'b'], ['a', 'b']].map((columns) => columnWidths(columns).split(') ').map((width) => width.includes('1fr')))).toEqual([[false, true, false], [false, true]]));
});
