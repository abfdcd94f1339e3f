import { beforeEach, expect, test, vi } from 'vitest';
import type { Dashboard, Panel } from '../lib/dashboards';
import { askedWith, Draft, namesOf, usersOf } from './draft.svelte';

const panel = (id: string, more: Partial<Panel> = {}): Panel => ({ id, title: id, description: 'd', chart: 'line', at: [0, 0, 6, 4], queries: ['shared'], unit: 'number', stacked: false, reduce: 'last', ...more });
const saved: Dashboard = { id: 'a/b', title: 'B', description: '', file: '', isOwn: true, isPackaged: false, revision: '1', range: '-1h', variables: [], queries: { shared: { language: 'log', text: '*' }, alone: { language: 'sql', text: 'SELECT 1' } }, panels: [panel('one'), panel('two', { at: [0, 4, 6, 4], trend: 'alone' })] };

beforeEach(() => {
  const kept = new Map<string, string>();
  vi.stubGlobal('sessionStorage', { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => kept.set(key, value), removeItem: (key: string) => kept.delete(key) });
});

test('what is typed into one field is one step', () => {
  const draft = new Draft(saved);
  for (const title of ['B1', 'B12', 'B123']) draft.change('renamed', { title }, 'title');
  draft.change('described', { description: 'x' }, 'description');
  draft.undo();
  expect(draft.current).toMatchObject({ title: 'B123', description: '' });
  draft.undo();
  expect([draft.current, draft.isChanged, draft.canUndo]).toEqual([saved, false, false]);
  draft.redo();
  expect([draft.current.title, draft.words]).toEqual(['B123', 'done again: renamed']);
});

test('a panel that goes takes its queries with it, and comes back with them', () => {
  const draft = new Draft(saved);
  draft.remove('two');
  expect(Object.keys(draft.current.queries)).toEqual(['shared']);
  draft.undo();
  expect(draft.current).toEqual(saved);
});

test('a shared query can be made a panel\'s own', () => {
  const draft = new Draft(saved);
  expect(usersOf(draft.current, 'shared').map((one) => one.id)).toEqual(['one', 'two']);
  const own = draft.ownQuery('two', 'shared');
  draft.changeQuery(own, { text: 'error' });
  expect(draft.current.queries['shared']!.text).toBe('*');
  expect(namesOf(draft.panel('two')!)).toEqual([own, 'alone']);
});

test('another chart keeps only what it knows', () => {
  const draft = new Draft({ ...saved, panels: [panel('one', { stacked: true, chart: 'area', rows: 'alone' })] });
  draft.changeChart('one', 'text');
  expect([draft.panel('one')!.queries, draft.panel('one')!.rows, draft.current.queries]).toEqual([[], undefined, {}]);
  draft.changeChart('one', 'line');
  expect(draft.panel('one')!.text).toBeUndefined();
  expect(draft.panel('one')!.stacked).toBe(false);
  expect(Object.keys(draft.current.queries)).toEqual(draft.panel('one')!.queries);
});

test('new panels have names of their own', () => {
  const draft = new Draft(saved);
  expect([draft.add(), draft.add(), draft.copy('one'), draft.copy('one')]).toEqual(['panel_1', 'panel_2', 'one_2', 'one_3']);
  expect(new Set(draft.current.panels.map((one) => one.at.join())).size).toBe(6);
});

test('a draft outlives the page, but not what it was made of', () => {
  new Draft(saved).change('renamed', { title: 'C' });
  expect(new Draft(saved).current.title).toBe('C');
  expect(new Draft({ ...saved, revision: '2' }).current.title).toBe('B');
  new Draft(saved).drop();
  expect(new Draft(saved).isChanged).toBe(false);
});

test('queries, terms and other variables follow the name of a variable', () => {
  const variables = [{ name: 'function', from: 'metadata' as const, multi: true, within: ['region'] }, { name: 'region', from: 'metadata' as const, multi: false }];
  const queries = { shared: { language: 'log' as const, text: '{{is region}} region={{region}} {{is regional}} {{slice}}' } };
  const draft = new Draft({ ...saved, variables, queries, terms: { ours: 'x {{ is region }}' } });
  expect(askedWith(draft.current, 'region')).toEqual(['shared', 'ours']);
  draft.changeVariable('region', 'is called place', { name: 'place', field: 'region' });
  expect(draft.current.queries['shared']!.text).toBe('{{is place}} region={{place}} {{is regional}} {{slice}}');
  expect(draft.current.terms).toEqual({ ours: 'x {{ is place }}' });
  expect(draft.current.variables).toEqual([{ name: 'function', from: 'metadata', multi: true, within: ['place'] }, { name: 'place', from: 'metadata', multi: false, field: 'region' }]);
  draft.removeVariable('place');
  expect(draft.current.variables).toEqual([{ name: 'function', from: 'metadata', multi: true }]);
  draft.undo();
  draft.undo();
  expect(draft.isChanged).toBe(false);
});

test('a variable keeps only what its choices come from', () => {
  const draft = new Draft(saved);
  const name = draft.addVariable();
  const second = draft.addVariable();
  expect([name, second, draft.current.variables[1]!.field]).toEqual(['function', 'function_2', 'function']);
  draft.changeOrigin(second, 'list');
  draft.changeVariable(second, 'offers other choices', { values: ['a'] });
  draft.changeOrigin(second, 'query');
  expect(draft.current.variables[1]).toEqual({ name: 'function_2', from: 'query', multi: true, field: 'function', query: '* | count by function' });
});
