// The address is the state of the search page: language, query, filters, range, zone, views and open rows.
import { decodeChip, encodeChip, type Chip } from './chips';
import type { Range } from './time';

export type Mode = 'log' | 'sql' | 'metrics';
export type Tab = 'messages' | 'aggregates' | 'explain';
export type Chart = 'table' | 'line' | 'column' | 'pie';

export interface SearchState {
  mode: Mode;
  query: string;
  chips: Chip[];
  range: Range;
  /** null: the zone that was chosen last in this browser. */
  zone: string | null;
  /** null: whichever fits the result. */
  tab: Tab | null;
  chart: Chart | null;
  /** Columns of the message list, in their order. */
  columns: string[];
  isWrapped: boolean;
  /** JSON messages on several lines. */
  isPretty: boolean;
  /** Open rows, each `index.hash`. */
  rows: string[];
}

export const DEFAULT_QUERY = '*';
export const DEFAULT_RANGE: Range = { from: '-15m', to: 'now' };
/** `function` comes with its version; `message` is the text and takes what room is left. */
export const DEFAULT_COLUMNS = ['function', 'message'];
const COLUMNS_MAX = 30;
const CHIPS_MAX = 50;

const MODES: Mode[] = ['log', 'sql', 'metrics'];
const TABS: Tab[] = ['messages', 'aggregates', 'explain'];
const CHARTS: Chart[] = ['table', 'line', 'column', 'pie'];

export function decodeSearch(search: string): SearchState {
  const params = new URLSearchParams(search);
  const oneOf = <T extends string>(name: string, all: T[]): T | null => all.find((item) => item === params.get(name)) ?? null;
  return {
    mode: oneOf('mode', MODES) ?? 'log',
    query: params.get('q') ?? DEFAULT_QUERY,
    chips: params
      .getAll('is')
      .slice(0, CHIPS_MAX)
      .map(decodeChip)
      .filter((chip) => chip !== null),
    range: { from: params.get('from') || DEFAULT_RANGE.from, to: params.get('to') || DEFAULT_RANGE.to },
    zone: params.get('tz') || null,
    tab: oneOf('tab', TABS),
    chart: oneOf('chart', CHARTS),
    columns: decodeColumns(params.get('cols')),
    isWrapped: params.get('wrap') === '1',
    isPretty: params.get('json') === '1',
    rows: (params.get('row') ?? '').split(',').filter((row) => /^\d+\.[0-9a-z]+$/.test(row)),
  };
}

export function encodeSearch(state: SearchState): string {
  const params = new URLSearchParams();
  if (state.mode !== 'log') params.set('mode', state.mode);
  params.set('q', state.query);
  for (const chip of state.chips) params.append('is', encodeChip(chip));
  params.set('from', state.range.from);
  params.set('to', state.range.to);
  if (state.zone) params.set('tz', state.zone);
  if (state.tab) params.set('tab', state.tab);
  if (state.chart) params.set('chart', state.chart);
  const columns = state.columns.map(encodeURIComponent).join(',');
  if (columns !== DEFAULT_COLUMNS.join(',')) params.set('cols', columns);
  if (state.isWrapped) params.set('wrap', '1');
  if (state.isPretty) params.set('json', '1');
  if (state.rows.length) params.set('row', state.rows.join(','));
  // These need no escaping in a query, and are kinder to the eye.
  return `?${params.toString().replace(/%2C/g, ',').replace(/%3A/g, ':').replace(/%2F/g, '/').replace(/%21/g, '!')}`;
}

/** Each name once; a damaged name is left out. */
function decodeColumns(text: string | null): string[] {
  if (!text) return DEFAULT_COLUMNS;
  const names: string[] = [];
  for (const part of text.split(',').slice(0, COLUMNS_MAX)) {
    try {
      const name = decodeURIComponent(part);
      if (name && !names.includes(name)) names.push(name);
    } catch {
      /* not ours */
    }
  }
  return names.length ? names : DEFAULT_COLUMNS;
}

/** Whether two addresses ask the same question, however it is shown. */
export function isSameSearch(a: SearchState, b: SearchState): boolean {
  const question = ({ mode, query, chips, range }: SearchState) => JSON.stringify([mode, query, range.from, range.to, chips.filter((chip) => !chip.isOff).map(({ field, value, isNot }) => [field, value, isNot])]);
  return question(a) === question(b);
}

/** A short name for a row, which finds it again after a reload. */
export function rowKey(index: number, identity: string): string {
  let hash = 2166136261;
  for (let i = 0; i < identity.length && i < 4096; i += 1) hash = Math.imul(hash ^ identity.charCodeAt(i), 16777619);
  return `${index}.${(hash >>> 0).toString(36)}`;
}
