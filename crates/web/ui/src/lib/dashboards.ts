// What a dashboard is, as the server gives it, and the address of its page.
import { ask, cancelSearch, fetchMessages, fetchMetrics, fetchRecords, post, startSearch, streamStatus, type ResultField, type Row } from './api';
import { table as metricsTable } from '../records/metrics';
import { withTimes } from '../records/series';
import type { Mode } from './url';
import type { Range } from './time';

export type ChartKind = 'line' | 'area' | 'column' | 'bar' | 'single' | 'pie' | 'donut' | 'table' | 'heatmap' | 'honeycomb' | 'gauge' | 'text' | 'logs';
export type Unit = 'number' | 'percent' | 'ms' | 'seconds' | 'bytes' | 'mb' | 'usd' | 'time';
export type PanelState = 'ok' | 'warning' | 'critical';

export interface Threshold {
  at: number;
  state: PanelState;
  below?: boolean;
  label?: string;
}

export interface PanelColumn {
  field: string;
  title?: string;
  unit: Unit;
  bar: boolean;
  thresholds?: Threshold[];
}

export interface PanelLink {
  title: string;
  dashboard: string;
  with?: Record<string, string>;
}

export interface Panel {
  id: string;
  title: string;
  description: string;
  chart: ChartKind;
  /** Column, row, width, height. */
  at: [number, number, number, number];
  queries: string[];
  x?: string;
  y?: string[];
  by?: string;
  of?: string;
  unit: Unit;
  stacked: boolean;
  reduce: 'last' | 'sum' | 'mean' | 'min' | 'max';
  trend?: string;
  compare?: string;
  less_is_better?: boolean;
  thresholds?: Threshold[];
  limits?: [number, number];
  columns?: PanelColumn[];
  rows?: string;
  links?: PanelLink[];
  text?: string;
}

export interface Variable {
  name: string;
  label?: string;
  from: 'metadata' | 'query' | 'list' | 'text';
  /** The column that is compared; the name if not given. */
  field?: string;
  /** Of metadata: the table that has the column, and variables that narrow the choices. */
  table?: string;
  within?: string[];
  query?: string;
  language?: Mode;
  values?: string[];
  default?: string[];
  multi: boolean;
}

export interface Dashboard {
  id: string;
  title: string;
  description: string;
  file: string;
  isOwn: boolean;
  /** Whether one of the same id comes with the program. */
  isPackaged: boolean;
  /** Differs when the file does. */
  revision: string;
  range: string;
  refresh?: string;
  shortest_slice?: string;
  variables: Variable[];
  /** What several queries say alike. */
  terms?: Record<string, string>;
  queries: Record<string, { language: Mode; text: string }>;
  panels: Panel[];
}

export interface AppSummary {
  id: string;
  title: string;
  description: string;
  sources: string[];
  dashboards: { id: string; title: string; description: string; panels: number; isOwn: boolean }[];
}

/** The title of a dashboard below its app's: what the app says already is left out. */
export function titleIn(app: { title: string }, dashboard: { title: string }): string {
  const prefix = `${app.title}: `;
  if (!dashboard.title.startsWith(prefix) || dashboard.title.length === prefix.length) return dashboard.title;
  const rest = dashboard.title.slice(prefix.length);
  return rest[0]!.toUpperCase() + rest.slice(1);
}

export interface Shelf {
  apps: AppSummary[];
  broken: { file: string; message: string }[];
}

/** A query with the choices in it, over its range. */
export interface Filled {
  language: Mode;
  text: string;
  from: number;
  to: number;
}

export interface FilledQueries {
  sliceMs: number;
  queries: Record<string, Filled>;
  variables: Record<string, Filled>;
}

/** What a query found. */
export interface Found {
  fields: ResultField[];
  rows: Row[];
  /** What was left out, in the server's words. */
  warnings: string[];
}

export async function fetchShelf(signal?: AbortSignal): Promise<Shelf> {
  return (await (await ask('/api/v1/dashboards', signal ? { signal } : {})).json()) as Shelf;
}

export async function fetchDashboard(id: string, signal?: AbortSignal): Promise<Dashboard> {
  return (await (await ask(`/api/v1/dashboards/${id}`, signal ? { signal } : {})).json()) as Dashboard;
}

/** What a file of the dashboard says. */
export function contentOf({ id, file, isOwn, isPackaged, revision, ...content }: Dashboard): Omit<Dashboard, 'id' | 'file' | 'isOwn' | 'isPackaged' | 'revision'> {
  return content;
}

/** `draft`: a dashboard that is not saved yet, in place of the one that is. */
export async function fetchQueries(id: string, from: number, to: number, variables: Choices, draft: Dashboard | null, signal?: AbortSignal): Promise<FilledQueries> {
  const body = { from: Math.round(from), to: Math.round(to), variables, ...(draft ? { dashboard: contentOf(draft) } : {}) };
  return (await (await ask(`/api/v1/dashboards/${id}/queries`, post(body, signal))).json()) as FilledQueries;
}

/** Saves a dashboard over the one that was read, or as a new one. */
export async function saveDashboard(dashboard: Dashboard): Promise<Dashboard> {
  const body = { revision: dashboard.revision || null, dashboard: contentOf(dashboard) };
  return (await (await ask(`/api/v1/dashboards/${dashboard.id}`, { ...post(body), method: 'PUT' })).json()) as Dashboard;
}

/** Removes a saved dashboard; a packaged one of the same id is there again. */
export async function removeDashboard(dashboard: Dashboard): Promise<void> {
  await ask(`/api/v1/dashboards/${dashboard.id}?revision=${encodeURIComponent(dashboard.revision)}`, { method: 'DELETE' });
}

/** What became of an export of Sumo Logic: the dashboards that were saved, each with what is different. */
export interface Imported {
  dashboards: { id: string; title: string; notes: string[] }[];
}

export async function importDashboards(exported: string): Promise<Imported> {
  return (await (await ask('/api/v1/dashboards/import', { method: 'POST', headers: { 'content-type': 'application/json' }, body: exported })).json()) as Imported;
}

/** The app of dashboards that are made in the browser. */
export const OWN_APP = 'own';

/** An empty dashboard. */
export function newDashboard(title: string, taken: string[]): Dashboard {
  const slug = title.toLowerCase().normalize('NFKD').replace(/\p{M}/gu, '').replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 50) || 'dashboard';
  let id = `${OWN_APP}/${slug}`;
  for (let n = 2; taken.includes(id); n += 1) id = `${OWN_APP}/${slug}-${n}`;
  return { id, title, description: '', file: '', isOwn: true, isPackaged: false, revision: '', range: '-1h', variables: [], queries: {}, panels: [] };
}

const ROWS_MAX = 10_000;
const MESSAGES_MAX = 200;

/** Runs a query to its end and forgets it at the server. */
export async function runQuery(query: Filled, zone: string, wantsMessages: boolean, signal: AbortSignal): Promise<Found> {
  // The newest are all that is shown, and finding them takes a fraction of finding all.
  const text = wantsMessages && query.language === 'log' ? `${query.text.trimEnd()}\n| limit ${MESSAGES_MAX}` : query.text;
  const question = { mode: query.language, query: text, filters: [], from: query.from, to: query.to, zone };
  if (query.language === 'metrics') return { ...points(await fetchMetrics(question, signal)), warnings: [] };
  const id = await startSearch(question, signal, false);
  try {
    let last = null;
    for await (const status of streamStatus(id, signal)) last = status;
    if (!last) throw new Error('The server ended the search without a result.');
    if (last.pendingErrors.length) throw new Error(last.pendingErrors.join(' '));
    const isMessages = last.kind !== 'records' && wantsMessages;
    const found = isMessages ? await fetchMessages(id, 0, MESSAGES_MAX, signal) : last.recordCount ? await fetchRecords(id, 0, Math.min(last.recordCount, ROWS_MAX), signal) : { fields: last.fields ?? [], rows: [] };
    const warnings = [...last.pendingWarnings];
    if (last.recordCount > ROWS_MAX) warnings.push(`Only the first ${ROWS_MAX} of ${last.recordCount} rows are shown.`);
    return { ...(query.language === 'sql' ? withTimes(found.fields, found.rows) : found), warnings };
  } finally {
    void cancelSearch(id).catch(() => undefined);
  }
}

/** Series as rows: time, what tells the series apart, value. */
function points(result: Awaited<ReturnType<typeof fetchMetrics>>): { fields: ResultField[]; rows: Row[] } {
  const keys = metricsTable(result).fields.filter((field) => field.fieldType === 'string');
  const rows = result.series.flatMap((series) => series.times.map((time, i) => ({ t: String(time), metric: series.metric, ...series.dimensions, value: series.values[i] == null ? '' : String(series.values[i]) })));
  return { fields: [{ name: 't', fieldType: 'time', keyField: true }, ...keys.map((key) => ({ ...key, keyField: true })), { name: 'value', fieldType: 'double', keyField: false }], rows };
}

/** The chosen values by variable; nothing means all. */
export type Choices = Record<string, string[]>;

export interface DashboardAddress {
  range: Range | null;
  /** Variables that differ from their defaults. */
  choices: Choices;
  zone: string | null;
  /** Seconds between refreshes; 0 is never, null as the file says. */
  refresh: number | null;
  /** The panel that fills the page; while it is edited, the one whose editor is open. */
  panel: string | null;
  isEdited: boolean;
}

const PREFIX = 'var-';
const VALUES_MAX = 200;

export function decodeAddress(search: string): DashboardAddress {
  const params = new URLSearchParams(search);
  const choices: Choices = {};
  for (const [key, value] of params) {
    if (!key.startsWith(PREFIX)) continue;
    const values = (choices[key.slice(PREFIX.length)] ??= []);
    if (values.length < VALUES_MAX) values.push(value);
  }
  const from = params.get('from');
  const refresh = params.get('refresh');
  return {
    range: from ? { from, to: params.get('to') || 'now' } : null,
    choices,
    zone: params.get('tz') || null,
    refresh: refresh !== null && /^\d{1,5}$/.test(refresh) ? Number(refresh) : null,
    panel: params.get('panel') || null,
    isEdited: params.get('edit') === '1',
  };
}

export function encodeAddress(address: DashboardAddress): string {
  const params = new URLSearchParams();
  if (address.range) {
    params.set('from', address.range.from);
    params.set('to', address.range.to);
  }
  for (const [name, values] of Object.entries(address.choices)) for (const value of values.length ? values : ['*']) params.append(PREFIX + name, value);
  if (address.zone) params.set('tz', address.zone);
  if (address.refresh !== null) params.set('refresh', String(address.refresh));
  if (address.panel) params.set('panel', address.panel);
  if (address.isEdited) params.set('edit', '1');
  const text = params.toString().replace(/%3A/g, ':').replace(/%2F/g, '/').replace(/\*/g, '*');
  return text ? `?${text}` : '';
}
