// The address is the state of the search page: query, range, tab, chart and open row.
import type { Range } from './time';

export type Tab = 'messages' | 'aggregates';
export type Chart = 'table' | 'line' | 'column' | 'pie';

export interface SearchState {
  query: string;
  range: Range;
  /** null: whichever fits the result. */
  tab: Tab | null;
  chart: Chart | null;
  /** Open rows, each `index.hash`. */
  rows: string[];
}

export const DEFAULT_QUERY = '*';
export const DEFAULT_RANGE: Range = { from: '-15m', to: 'now' };

const TABS: Tab[] = ['messages', 'aggregates'];
const CHARTS: Chart[] = ['table', 'line', 'column', 'pie'];

export function decodeSearch(search: string): SearchState {
  const params = new URLSearchParams(search);
  const oneOf = <T extends string>(name: string, all: T[]): T | null => all.find((item) => item === params.get(name)) ?? null;
  return {
    query: params.get('q') ?? DEFAULT_QUERY,
    range: { from: params.get('from') || DEFAULT_RANGE.from, to: params.get('to') || DEFAULT_RANGE.to },
    tab: oneOf('tab', TABS),
    chart: oneOf('chart', CHARTS),
    rows: (params.get('row') ?? '').split(',').filter((row) => /^\d+\.[0-9a-z]+$/.test(row)),
  };
}

export function encodeSearch(state: SearchState): string {
  const params = new URLSearchParams({ q: state.query, from: state.range.from, to: state.range.to });
  if (state.tab) params.set('tab', state.tab);
  if (state.chart) params.set('chart', state.chart);
  if (state.rows.length) params.set('row', state.rows.join(','));
  // Commas and colons need no escaping in a query, and are kinder to the eye.
  return `?${params.toString().replace(/%2C/g, ',').replace(/%3A/g, ':')}`;
}

/** A short name for a row, which finds it again after a reload. */
export function rowKey(index: number, identity: string): string {
  let hash = 2166136261;
  for (let i = 0; i < identity.length && i < 4096; i += 1) hash = Math.imul(hash ^ identity.charCodeAt(i), 16777619);
  return `${index}.${(hash >>> 0).toString(36)}`;
}
