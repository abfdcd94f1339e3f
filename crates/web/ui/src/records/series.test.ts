import { describe, expect, it } from 'vitest';
import { chartData, colours, isOrderedBy, slices, withTimes } from './series';

const field = (name: string, fieldType: string, keyField: boolean) => ({ name, fieldType, keyField });

describe('a chart of aggregates', () => {
  it('has one series a group, in order of time, with gaps', () => {
    const data = chartData(
      [field('_timeslice', 'long', true), field('version', 'string', true), field('_count', 'int', false)],
      [{ _timeslice: '2000', version: 'v1', _count: '5' }, { _timeslice: '1000', version: 'v1', _count: '3' }, { _timeslice: '1000', version: 'v2', _count: '1' }],
    )!;
    expect(data.xs).toEqual([1000, 2000]);
    expect(data.series).toEqual([{ name: 'v1', values: [3, 5] }, { name: 'v2', values: [1, null] }]);
  });
  it('finds values under lower-case names', () => {
    const data = chartData([field('Function', 'string', true), field('Errors', 'long', false)], [{ function: 'a', errors: '2' }])!;
    expect([data.labels, data.series[0]!.values]).toEqual([['a'], [2]]);
  });
  it('has an axis of time in SQL, too', () => {
    const { fields, rows } = withTimes([field('n', 'long', false), field('t', 'string', false)], [{ n: '5', t: '1970-01-01T00:00:02Z' }, { n: '3', t: '1970-01-01T00:00:01.5Z' }]);
    expect(chartData(fields, rows)).toMatchObject({ xs: [1500, 2000], isTime: true, series: [{ name: 'n', values: [3, 5] }] });
    expect(withTimes([field('t', 'string', false)], [{ t: '2026' }]).fields[0]!.fieldType).toBe('string');
  });
  it('knows which queries order their rows', () => expect([isOrderedBy('* | count by a | sort by _count', 'log'), isOrderedBy('sorted | count', 'log'), isOrderedBy('SELECT 1 ORDER  BY 1', 'sql')]).toEqual([true, false, true]));
  it('needs a number', () => expect(chartData([field('a', 'string', true)], [{ a: 'x' }])).toBeNull());
  it('sums small parts of a pie', () => {
    const rows = Array.from({ length: 15 }, (_, i) => ({ f: `f${i}`, n: String(15 - i) }));
    const parts = slices(chartData([field('f', 'string', true), field('n', 'int', false)], rows)!);
    expect(parts.length).toBe(10);
    expect(parts.at(-1)).toEqual({ name: '6 others', value: 21 });
  });
  it('keeps colours apart, and levels in theirs', () => {
    const palette = colours(['a', 'b', 'c', 'd', 'ERROR']);
    expect(new Set(palette.values()).size).toBe(5);
    expect(palette.get('ERROR')).toBe('var(--error-fill)');
  });
});
