import { describe, expect, it } from 'vitest';
import { lines, names, table } from './metrics';

const series = (metric: string, dimensions: Record<string, string>, times: number[], values: (number | null)[]) => ({ metric, dimensions, times, values });

describe('series of metrics', () => {
  it('are called by what tells them apart', () => {
    expect(names([series('m', { f: 'a', r: 'x' }, [], []), series('m', { f: 'b', r: 'x' }, [], [])])).toEqual(['a', 'b']);
    expect(names([series('m', { r: 'x' }, [], [])])).toEqual(['m']);
    expect(names([series('m', { f: 'a' }, [], []), series('n', {}, [], []), series('n', {}, [], [])])).toEqual(['m · a', 'n', 'n (2)']);
  });
  it('share an axis, with gaps', () => {
    const data = lines({ step: 1, series: [series('m', { f: 'a' }, [2, 1], [20, 10]), series('m', { f: 'b' }, [2], [5])] })!;
    expect(data.xs).toEqual([1, 2]);
    expect(data.series).toEqual([{ name: 'a', values: [10, 20] }, { name: 'b', values: [null, 5] }]);
  });
  it('beyond nine are the largest', () => {
    const many = Array.from({ length: 15 }, (_, i) => series('m', { f: `f${i}` }, [1], [i]));
    const data = lines({ step: 1, series: many })!;
    expect([data.series.length, data.left, data.series[0]!.name]).toEqual([9, 6, 'f14']);
  });
  it('without points are no chart', () => expect(lines({ step: 1, series: [series('m', {}, [], [])] })).toBeNull());
  it('have a row each, unknown is not zero', () => {
    const { fields, rows } = table({ step: 1, series: [series('m', { f: 'a' }, [1, 2, 3], [2, null, 4]), series('m', {}, [], [])] });
    expect(fields.map((field) => field.name)).toEqual(['metric', 'f', 'points', 'latest', 'avg', 'min', 'max']);
    expect(rows[0]).toEqual({ metric: 'm', f: 'a', points: '2', latest: '4', avg: '3', min: '2', max: '4' });
    expect(rows[1]).toMatchObject({ points: '0', latest: '', min: '' });
  });
});
