// What the UI asks the server: searches, facets, metrics, checks, fields, language, status.
import type { Filter } from './chips';
import type { Mode } from './url';

export interface HistogramBar {
  startTimestamp: number;
  length: number;
  count: number;
  levels?: Record<string, number>;
}

export interface ResultField {
  name: string;
  fieldType: string;
  keyField: boolean;
}

export interface SearchStatus {
  state: string;
  kind?: string;
  /** The text that runs: the query with its filters. */
  query?: string;
  messageCount: number;
  /** Of them, how many can be paged; all, if the server does not say. */
  messagesKept?: number;
  recordCount: number;
  histogram: HistogramBar[];
  pendingErrors: string[];
  pendingWarnings: string[];
  rowsScanned?: number;
  bytesScanned?: number;
  bytesTotal?: number;
  elapsedMs?: number;
  limited?: string | null;
  fields?: ResultField[];
}

export interface Diagnostic {
  severity: string;
  message: string;
  start?: number;
  end?: number;
  span?: { start: number; end: number };
  line?: number;
  column?: number;
  expected?: string | null;
  suggestion?: string | null;
}

export interface LanguageItem {
  name: string;
  kind?: string;
  syntax?: string;
  summary?: string;
  examples?: string[];
}

export interface Language {
  operators: LanguageItem[];
  functions: LanguageItem[];
  aggregates: LanguageItem[];
  /** Operators of the metrics language. */
  metrics?: LanguageItem[];
}

/** What SQL can name. */
export interface SqlWords {
  tables: { name: string; columns: { name: string; type: string }[] }[];
  functions: string[];
}

export interface FieldInfo {
  name: string;
  type?: string;
  examples?: string[];
}

export interface Facet {
  field: string;
  total: number;
  missing: number;
  distinct: number;
  /** More different values than the server counts. */
  isCapped: boolean;
  values: { value: string; count: number }[];
  numbers: { min: number; p50: number; p95: number; max: number; bars: number[] } | null;
}

/** What a search asks, whatever is made of it. */
export interface Question {
  mode: Mode;
  query: string;
  filters: Filter[];
  from: number;
  to: number;
  zone: string;
}

export interface MetricsSeries {
  metric: string;
  dimensions: Record<string, string>;
  times: number[];
  values: (number | null)[];
}

export interface MetricsResult {
  /** The length of a time bucket, in milliseconds. */
  step: number;
  series: MetricsSeries[];
}

/** What a scan would read of one segment, and why. */
export interface SegmentExplanation {
  id: string;
  rows: number;
  bytes: number;
  pages: number;
  pagesRead: number;
  why: string;
}

export interface Explanation {
  scans: { table: string; asked: string; segments: SegmentExplanation[]; memoryRows: number }[];
  plan: string;
}

export interface SourceStatus {
  name: string;
  collector: string;
  /** Whether it asks the cloud, or is sent its data. */
  kind: 'pulled' | 'pushed';
  /** Whether it comes from the configuration file: then it can be paused, but not changed. */
  is_fixed: boolean;
  state: 'starting' | 'running' | 'waiting' | 'retrying' | 'paused' | 'failed' | 'stopped';
  /** The last failure, also when it is over. */
  last_error: string | null;
  last_error_time: number | null;
  /** Since the start of the node, as the other totals. */
  events_total: number;
  /** Read before, and not stored again. */
  events_repeated_total: number;
  errors_total: number;
  /** What it was given and could not read. */
  dead_letters_total: number;
  throttles_total: number;
  /** Calls that it allows itself now. */
  requests_per_second: number | null;
  /** What the cloud bills for its calls in 30 days, about; null where calls are not billed one by one. */
  cost_usd_per_month: number | null;
  /** Since its slowest origin was read up to the present; null for what is pushed. */
  lag_ms: number | null;
  lateness_ms_p99: number | null;
  origins: OriginStatus[];
}

/** A part of a source that is read by itself, such as a log group. */
export interface OriginStatus {
  origin: string;
  name: string;
  /** Everything before this moment has been read for good. */
  final_until: number | null;
  /** How much older history is still to be read. */
  history_left_ms: number;
  lag_ms: number | null;
  lateness_ms_p99: number | null;
  /** What the cloud bills for reading it for 30 days, about. */
  cost_usd_per_month: number | null;
  events_total: number;
  /** null after the next success. */
  last_error: string | null;
}

/** Whether the source fails now. */
export const isFailing = (source: SourceStatus) => ['retrying', 'waiting', 'failed'].includes(source.state);

export interface ServerStatus {
  version: string;
  newestEventTime: number | null;
  events: number;
  diskBytes?: number;
  dataDir?: string;
  sources?: SourceStatus[];
  now?: number;
}

export type Row = Record<string, string>;

/** What went wrong, in the server's words; `diagnostics` when the query is at fault. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly diagnostics: Diagnostic[] = [],
    readonly code = '',
  ) {
    super(message);
  }
}

export async function ask(path: string, options: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiError('The server does not answer. It may have been stopped; the search can be run again when it is back.', 0);
  }
  if (response.ok) return response;
  const text = await response.text();
  let body: { message?: string; code?: string; diagnostics?: Diagnostic[]; errors?: { message?: string }[] } = {};
  try {
    body = JSON.parse(text);
  } catch {
    /* not JSON: the status says enough */
  }
  const message = body.message ?? body.errors?.[0]?.message ?? `The server answered ${response.status} to ${path.split('?')[0]}.`;
  throw new ApiError(message, response.status, body.diagnostics ?? [], body.code);
}

export const post = (body: unknown, signal?: AbortSignal): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
  ...(signal ? { signal } : {}),
});

const JOBS = '/api/v1/search/jobs';

const asked = ({ mode, query, filters, from, to, zone }: Question) => ({ query, filters, from: Math.round(from), to: Math.round(to), timeZone: zone, autoParsingMode: 'AutoParse', language: mode });

/** `wantsHistogram`: also count the events over time, which a chart of aggregates does not need. */
export async function startSearch(question: Question, signal: AbortSignal, wantsHistogram = true): Promise<string> {
  const response = await ask(JOBS, post({ ...asked(question), requiresRawMessages: wantsHistogram }, signal));
  return String(((await response.json()) as { id: string }).id);
}

/** The values of fields among the events of a search; a field's counts ignore the filters on itself. */
export async function fetchFacets(question: Question, fields: string[], limit: number, signal?: AbortSignal): Promise<Facet[]> {
  const response = await ask('/api/v1/search/facets', post({ ...asked(question), fields, limit }, signal));
  return ((await response.json()) as { facets: Facet[] }).facets;
}

/** How a query would be run now: what is read of each segment, and the physical plan. */
export async function fetchExplanation(question: Question, signal: AbortSignal): Promise<Explanation> {
  return (await (await ask('/api/v1/queries/explain', post(asked(question), signal))).json()) as Explanation;
}

/** The query in SQL, as far as SQL has words for it, and what it does not say. */
export interface SqlText {
  sql: string;
  isWhole: boolean;
  notes: string[];
}

export async function fetchSql(question: Question, signal: AbortSignal): Promise<SqlText> {
  return (await (await ask('/api/v1/queries/sql', post(asked(question), signal))).json()) as SqlText;
}

interface MetricsAnswer {
  queryResult: { timeSeriesList: { quantization: number; timeSeries: { metricDefinition: { metric: string; dimensions: Record<string, string> }; points: { timestamps: number[]; values: (number | null)[] } }[] } }[];
}

/** One row of metrics; the server chooses the length of a bucket. */
export async function fetchMetrics(question: Question, signal: AbortSignal): Promise<MetricsResult> {
  const range = (ms: number) => ({ type: 'EpochTimeRangeBoundary', epochMillis: Math.round(ms) });
  const timeRange = { type: 'BeginBoundedTimeRange', from: range(question.from), to: range(question.to) };
  const response = await ask('/api/v1/metricsQueries', post({ queries: [{ rowId: 'A', query: question.query }], timeRange }, signal));
  const list = ((await response.json()) as MetricsAnswer).queryResult[0]?.timeSeriesList;
  return {
    step: list?.quantization ?? 0,
    series: (list?.timeSeries ?? []).map(({ metricDefinition, points }) => ({ metric: metricDefinition.metric, dimensions: metricDefinition.dimensions, times: points.timestamps, values: points.values })),
  };
}

/** Each line of the stream is the whole status so far. */
export async function* streamStatus(id: string, signal: AbortSignal): AsyncGenerator<SearchStatus> {
  const response = await ask(`${JOBS}/${encodeURIComponent(id)}/stream`, { signal });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const lines = (rest + value).split('\n');
    rest = lines.pop() ?? '';
    const last = lines.filter((line) => line.trim()).pop();
    if (last) yield JSON.parse(last) as SearchStatus;
  }
  if (rest.trim()) yield JSON.parse(rest) as SearchStatus;
}

export async function cancelSearch(id: string): Promise<void> {
  await ask(`${JOBS}/${encodeURIComponent(id)}`, { method: 'DELETE', keepalive: true });
}

/** Tells the server that the result is still looked at. */
export async function touchSearch(id: string): Promise<void> {
  await ask(`${JOBS}/${encodeURIComponent(id)}`);
}

async function page(id: string, what: 'messages' | 'records', offset: number, limit: number, signal?: AbortSignal) {
  const response = await ask(`${JOBS}/${encodeURIComponent(id)}/${what}?offset=${offset}&limit=${limit}`, signal ? { signal } : {});
  const body = (await response.json()) as { fields?: ResultField[] } & Record<string, { map: Row }[] | undefined>;
  return { fields: body.fields ?? [], rows: (body[what] ?? []).map((item) => item.map) };
}

/** Where the kept rows of a search can be downloaded. */
export function exportAddress(id: string, format: 'ndjson' | 'csv', columns: string[] | null): string {
  const names = columns ? `&columns=${encodeURIComponent(columns.join(','))}` : '';
  return `${JOBS}/${encodeURIComponent(id)}/export?format=${format}${names}`;
}

export const fetchMessages = (id: string, offset: number, limit: number, signal?: AbortSignal) => page(id, 'messages', offset, limit, signal);
export const fetchRecords = (id: string, offset: number, limit: number, signal?: AbortSignal) => page(id, 'records', offset, limit, signal);

export async function checkQuery(query: string, language: Mode, signal?: AbortSignal): Promise<Diagnostic[]> {
  const response = await ask('/api/v1/queries/check', post({ query, language }, signal));
  return ((await response.json()) as { diagnostics?: Diagnostic[] }).diagnostics ?? [];
}

export async function fetchLanguage(): Promise<Language> {
  return (await (await ask('/api/v1/language')).json()) as Language;
}

export async function fetchTables(): Promise<SqlWords> {
  return (await (await ask('/api/v1/tables')).json()) as SqlWords;
}

export async function fetchFields(from: number, to: number): Promise<FieldInfo[]> {
  const response = await ask(`/api/v1/fields?from=${Math.round(from)}&to=${Math.round(to)}`);
  return ((await response.json()) as { fields?: FieldInfo[] }).fields ?? [];
}

export async function fetchStatus(): Promise<ServerStatus> {
  return (await (await ask('/api/v1/status')).json()) as ServerStatus;
}
