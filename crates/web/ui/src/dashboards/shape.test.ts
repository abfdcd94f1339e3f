import { expect, test } from 'vitest';
import type { Found, Panel } from '../lib/dashboards';
import { asCsv } from './csv';
import { blocks } from './markdown';
import { Palette } from './palette';
import { before, byName, gridOf, overTime, single, stateOf } from './shape';

const panel = (more: Partial<Panel>): Panel => ({ id: 'a', title: 'A', description: '', chart: 'line', at: [0, 0, 1, 1], queries: ['q'], unit: 'number', stacked: false, reduce: 'last', ...more });
const text = (name: string) => ({ name, fieldType: 'string', keyField: false });
const number = (name: string) => ({ name, fieldType: 'int', keyField: false });
const time = { name: 't', fieldType: 'time', keyField: false };
const found = (fields: Found['fields'], rows: Record<string, string>[]): Found => ({ fields, rows, warnings: [] });

test('a partial first slice is left out, and the last one where lines would fall', () => {
  expect(gridOf(90, 350, 100, false).xs).toEqual([100, 200, 300]);
  expect(gridOf(90, 350, 100, true).xs).toEqual([100, 200]);
});

test('what is missing is a gap in a line and nothing in a column', () => {
  const result = found([time, number('n')], [{ t: '100', n: '4' }]);
  const grid = gridOf(100, 300, 100, false);
  expect(overTime(result, panel({}), grid).lines).toEqual([{ name: 'n', values: [4, null] }]);
  expect(overTime(result, panel({ chart: 'column' }), grid).lines).toEqual([{ name: 'n', values: [4, 0] }]);
});

test('the smallest series become one where they can be added up', () => {
  const rows = Array.from({ length: 12 }, (_, i) => ({ t: '0', function: `f${i}`, n: String(12 - i) }));
  const result = found([time, text('function'), number('n')], rows);
  const grid = gridOf(0, 100, 100, false);
  const columns = overTime(result, panel({ chart: 'column', by: 'function', y: ['n'] }), grid).lines;
  expect(columns.at(-1)).toEqual({ name: '3 others', values: [6] });
  expect(overTime(result, panel({ by: 'function', y: ['n'] }), grid)).toMatchObject({ left: 3 });
});

test('an earlier range is moved onto this one, and added up', () => {
  const result = found([time, text('provider'), number('n')], [{ t: '0', provider: 'aws', n: '1' }, { t: '0', provider: 'gcp', n: '2' }]);
  const lines = overTime(result, panel({ chart: 'area', by: 'provider' }), gridOf(100, 200, 100, false), 100).lines;
  expect(lines.map((line) => line.name)).toEqual(['GCP', 'AWS']);
  expect(before(lines, 'before')).toEqual({ name: 'all, before', isBefore: true, values: [3] });
});

test('parts of a whole are ordered by their share', () => {
  const result = found([text('function'), number('used'), number('size')], [{ function: 'a', used: '50', size: '100' }, { function: 'b', used: '40', size: '50' }]);
  expect(byName(result, panel({ chart: 'bar', x: 'function', y: ['used'], of: 'size' }), 9).map((part) => part.name)).toEqual(['b', 'a']);
});

test('one number out of several rows', () => {
  const result = found([number('n')], [{ n: '1' }, { n: '3' }, { n: '' }]);
  expect(single(result, panel({}))).toBe(3);
  expect(single(result, panel({ reduce: 'mean' }))).toBe(2);
  expect(single(found([number('n')], []), panel({}))).toBeNull();
});

test('the gravest threshold counts', () => {
  const thresholds = [{ at: 2, state: 'warning' as const }, { at: 5, state: 'critical' as const }];
  expect([1, 2, 9, null].map((value) => stateOf(value, thresholds))).toEqual([null, 'warning', 'critical', null]);
  expect(stateOf(90, [{ at: 95, state: 'critical', below: true }])).toBe('critical');
});

test('a name keeps its colour on a page', () => {
  const palette = new Palette();
  const first = palette.of(['checkout-api', 'orders']).get('orders');
  expect(palette.of(['orders']).get('orders')).toBe(first);
  expect(palette.of(['AWS']).get('AWS')).toBe('var(--s1)');
  expect(palette.of(['error', '4 others'])).toEqual(new Map([['error', 'var(--error-fill)'], ['4 others', 'var(--s10)']]));
});

test('Markdown becomes no HTML and leads to no scripts', () => {
  expect(blocks('# A\n\nb **c** [d](javascript:x) [e](/search)\n\n- f\n- `g`')).toEqual([
    { kind: 'heading', inlines: [{ kind: 'text', text: 'A' }] },
    { kind: 'paragraph', inlines: [{ kind: 'text', text: 'b ' }, { kind: 'strong', text: 'c' }, { kind: 'text', text: ' ' }, { kind: 'text', text: '[d](javascript:x)' }, { kind: 'text', text: ' ' }, { kind: 'link', text: 'e', href: '/search' }] },
    { kind: 'list', items: [[{ kind: 'text', text: 'f' }], [{ kind: 'code', text: 'g' }]] },
  ]);
});

test('a file for a spreadsheet quotes what needs it', () => {
  expect(asCsv(found([time, text('a')], [{ t: '0', a: 'b"c,d' }]))).toBe('t,a\r\n1970-01-01T00:00:00.000Z,"b""c,d"\r\n');
});
