// One search page's state: what is typed, what the address says, and the search that runs.
import { ApiError, cancelSearch, checkQuery, fetchMetrics, fetchRecords, startSearch, streamStatus, touchSearch, type Diagnostic, type MetricsResult, type Question, type ResultField, type Row, type SearchStatus } from './api';
import { filters, type Chip } from './chips';
import { withTimes } from '../records/series';
import { MessagePages } from './pages.svelte';
import { absolute, rangeFault, resolve, type Range, type Resolved } from './time';
import { identity } from './message';
import { decodeSearch, encodeSearch, isSameSearch, rowKey, type Mode, type SearchState, type Tab } from './url';
import { setZone, UTC, zone } from './zone.svelte';

export type Phase = 'idle' | 'running' | 'done' | 'cancelled' | 'failed';

const RECORDS_PAGE = 5000;
const RECORDS_MAX = 20_000;
/** How long an old result may stand in for a new one that has found nothing yet. */
const HOLD_MS = 800;

/** What a language starts with, when there is nothing to take along. */
export const STARTS: Record<Mode, string> = {
  log: '*',
  sql: 'SELECT function, count(*) AS events\nFROM events\nGROUP BY function\nORDER BY events DESC',
  metrics: 'metric=* | sum by metric',
};

export class Search {
  address = $state.raw<SearchState>(decodeSearch(location.search));
  /** The text in the editor; `address.query` is what was run. */
  draft = $state('');
  mode = $state<Mode>('log');
  phase = $state<Phase>('idle');
  status = $state.raw<SearchStatus | null>(null);
  /** What `status`, `pages`, `records` and `metrics` belong to. */
  shown = $state.raw<{ question: Question; range: Resolved } | null>(null);
  pages = $state.raw<MessagePages | null>(null);
  records = $state.raw<{ fields: ResultField[]; rows: Row[] } | null>(null);
  metrics = $state.raw<MetricsResult | null>(null);
  /** What is shown belongs to the search before. */
  isStale = $state(false);
  failure = $state<string | null>(null);
  diagnostics = $state.raw<Diagnostic[]>([]);
  #id = $state<string | null>(null);
  #stop: AbortController | null = null;
  /** The texts of the languages that one is not in. */
  #drafts: Partial<Record<Mode, string>> = {};

  /** SQL always finds records, which is known before it answers. */
  isAggregate = $derived(this.status ? this.status.kind === 'records' || (this.status.recordCount ?? 0) > 0 : this.address.mode === 'sql');
  tab: Tab = $derived(this.address.tab ?? (this.isAggregate ? 'aggregates' : 'messages'));
  /** Messages that can be shown. */
  messageTotal = $derived(this.status?.messagesKept ?? this.status?.messageCount ?? 0);
  isEdited = $derived(this.mode !== this.address.mode || this.draft.trim() !== this.address.query.trim());
  /** The search whose rows are kept at the server. */
  id = $derived(this.#id);

  constructor() {
    this.#take(this.address);
  }

  #take(address: SearchState): void {
    this.draft = address.query;
    this.mode = address.mode;
    setZone(address.zone);
  }

  /** Takes over the address after Back or Forward. */
  restore(): void {
    if (location.pathname !== '/search' && location.pathname !== '/') return;
    const next = decodeSearch(location.search);
    const isSame = isSameSearch(next, this.address);
    this.address = next;
    setZone(next.zone);
    if (isSame) return;
    this.#take(next);
    void this.run();
  }

  /** Changes the address without a new search. */
  show(change: Partial<SearchState>): void {
    this.address = { ...this.address, ...change };
    history.replaceState(null, '', encodeSearch(this.address));
  }

  /** Runs the typed query, in another range if one is given, and enters it into the history. */
  submit(range: Range = this.address.range): void {
    this.#go({ mode: this.mode, query: this.draft.trim() || STARTS[this.mode], range });
  }

  /** Changes the question without running what is being edited by accident. */
  #go(change: Partial<SearchState>): void {
    const next: SearchState = { ...this.address, tab: this.address.tab === 'explain' ? 'explain' : null, rows: [], ...change };
    const url = encodeSearch(next);
    const isRepeat = url === location.search;
    this.address = next;
    if (isRepeat) history.replaceState(null, '', url);
    else history.pushState(null, '', url);
    void this.run();
  }

  zoom(range: Resolved): void {
    this.#go({ range: absolute(range) });
  }

  /** Other filters: a new search, unless only those changed that are off or pinned. */
  filter(chips: Chip[]): void {
    if (isSameSearch({ ...this.address, chips }, this.address)) this.show({ chips });
    else this.#go({ chips });
  }

  /** Runs a query that was written elsewhere; filters that are not pinned belonged to the old one. */
  open(mode: Mode, query: string): void {
    this.mode = mode;
    this.draft = query;
    this.#go({ mode, query, chips: this.address.chips.filter((chip) => chip.isPinned) });
  }

  pickZone(name: string): void {
    setZone(name, true);
    this.show({ zone: name === UTC ? null : name });
    // Days and slices begin elsewhere now.
    if (this.isAggregate) void this.run();
  }

  /** Another language keeps its own text. */
  switchMode(mode: Mode): void {
    if (mode === this.mode) return;
    this.#drafts[this.mode] = this.draft;
    this.mode = mode;
    this.draft = this.#drafts[mode] ?? STARTS[mode];
  }

  async run(): Promise<void> {
    this.#abandon();
    const range = resolve(this.address.range, Date.now(), zone.name);
    if (!range) {
      this.#fail(rangeFault(this.address.range, Date.now(), zone.name));
      return;
    }
    const stop = new AbortController();
    this.#stop = stop;
    this.phase = 'running';
    this.isStale = true;
    this.failure = null;
    this.diagnostics = [];
    const { mode, query, chips } = this.address;
    const question: Question = { mode, query, filters: mode === 'metrics' ? [] : filters(chips), ...range, zone: zone.name };
    try {
      if (mode === 'metrics') await this.#runMetrics(question, range, stop.signal);
      else await this.#runSearch(question, range, stop.signal);
    } catch (error) {
      if (stop.signal.aborted) return;
      this.diagnostics = error instanceof ApiError ? await this.#placed(question, error) : [];
      this.#fail(error instanceof Error ? error.message : String(error));
    }
  }

  async #runSearch(question: Question, range: Resolved, signal: AbortSignal): Promise<void> {
    const id = await startSearch(question, signal);
    if (signal.aborted) {
      void cancelSearch(id).catch(() => undefined);
      return;
    }
    this.#id = id;
    let isFirst = true;
    const begin = performance.now();
    for await (const status of streamStatus(id, signal)) {
      if (signal.aborted) return;
      // The old picture stays until there is something to put in its place.
      const isEmpty = !status.messageCount && !status.recordCount && !/^(DONE|CANCEL|FORCE)/.test(status.state);
      if (isFirst && isEmpty && performance.now() - begin < HOLD_MS) continue;
      if (isFirst) this.#replace(id, question, range);
      isFirst = false;
      this.status = status;
    }
    if (signal.aborted) return;
    if (isFirst) throw new Error('The server ended the search without a result.');
    await this.#finish(id, signal);
  }

  async #runMetrics(question: Question, range: Resolved, signal: AbortSignal): Promise<void> {
    const begin = performance.now();
    const result = await fetchMetrics(question, signal);
    if (signal.aborted) return;
    this.#replace('', question, range);
    this.status = { state: 'DONE', kind: 'metrics', messageCount: 0, recordCount: 0, histogram: [], pendingErrors: [], pendingWarnings: [], elapsedMs: performance.now() - begin };
    this.metrics = result;
    this.phase = 'done';
  }

  /** A mistake without a place is the filters', unless the metrics API only names it. */
  async #placed(question: Question, error: ApiError): Promise<Diagnostic[]> {
    if (question.mode === 'metrics' && error.status === 400) return checkQuery(question.query, 'metrics').catch(() => []);
    return error.diagnostics.some((found) => (found.end ?? 0) > 0) ? error.diagnostics : [];
  }

  /** Stops the search; what it found so far stays. */
  cancel(): void {
    if (this.phase !== 'running') return;
    const id = this.#id;
    this.#stop?.abort();
    this.phase = 'cancelled';
    if (id) void cancelSearch(id).catch(() => undefined);
    this.#id = null;
  }

  #replace(id: string, question: Question, range: Resolved): void {
    this.pages?.close();
    this.pages = id ? new MessagePages(id, () => this.phase) : null;
    this.records = null;
    this.metrics = null;
    this.shown = { question, range };
    this.isStale = false;
  }

  async #finish(id: string, signal: AbortSignal): Promise<void> {
    const count = Math.min(this.status?.recordCount ?? 0, RECORDS_MAX);
    let fields: ResultField[] = this.status?.fields ?? [];
    const rows: Row[] = [];
    while (rows.length < count) {
      const page = await fetchRecords(id, rows.length, Math.min(RECORDS_PAGE, count - rows.length), signal);
      if (page.fields.length) fields = page.fields;
      rows.push(...page.rows);
      if (!page.rows.length) break;
    }
    if (this.isAggregate) this.records = this.shown?.question.mode === 'sql' ? withTimes(fields, rows) : { fields, rows };
    const errors = this.status?.pendingErrors ?? [];
    if (errors.length) this.#fail(errors.join(' '));
    else this.phase = 'done';
    await this.#relocate(signal);
  }

  /** Open rows of the address are where they were, or further down, or gone. */
  async #relocate(signal: AbortSignal): Promise<void> {
    const { pages, address } = this;
    if (!pages || !address.rows.length) return;
    const rows: string[] = [];
    for (const key of address.rows) {
      const index = await pages.locate(key, this.messageTotal).catch(() => null);
      if (signal.aborted) return;
      if (index !== null) rows.push(`${index}.${key.split('.')[1]}`);
    }
    if (rows.join() !== address.rows.join() && this.address.rows === address.rows) this.show({ rows });
  }

  /** An address of this very result: its range does not move with the clock, and one row is open. */
  linkTo(index: number, row: Row): string {
    const range = this.shown ? absolute(this.shown.range) : this.address.range;
    return `${location.origin}/search${encodeSearch({ ...this.address, range, tab: 'messages', rows: [rowKey(index, identity(row))] })}`;
  }

  /** Tells the server that somebody still looks. */
  keepAlive(): void {
    if (this.#id && this.phase !== 'running') void touchSearch(this.#id).catch(() => undefined);
  }

  #fail(message: string): void {
    this.failure = message;
    this.phase = 'failed';
  }

  /** The search before this one is of no use any more; its rows stay until new ones come. */
  #abandon(): void {
    this.#stop?.abort();
    this.pages?.close();
    if (this.#id) void cancelSearch(this.#id).catch(() => undefined);
    this.#id = null;
  }
}
