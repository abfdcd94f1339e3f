// One search page's state: what is typed, what the address says, and the search that runs.
import { ApiError, cancelSearch, fetchRecords, startSearch, streamStatus, touchSearch, type Diagnostic, type ResultField, type Row, type SearchStatus } from './api';
import { MessagePages } from './pages.svelte';
import { absolute, resolve, type Range, type Resolved } from './time';
import { identity } from './message';
import { decodeSearch, encodeSearch, rowKey, type SearchState, type Tab } from './url';

export type Phase = 'idle' | 'running' | 'done' | 'cancelled' | 'failed';

const RECORDS_PAGE = 5000;
const RECORDS_MAX = 20_000;
/** How long an old result may stand in for a new one that has found nothing yet. */
const HOLD_MS = 800;

export class Search {
  address = $state<SearchState>(decodeSearch(location.search));
  /** The text in the editor; `address.query` is what was run. */
  draft = $state('');
  phase = $state<Phase>('idle');
  status = $state.raw<SearchStatus | null>(null);
  /** What `status`, `pages` and `records` belong to. */
  shown = $state.raw<{ query: string; range: Resolved } | null>(null);
  pages = $state.raw<MessagePages | null>(null);
  records = $state.raw<{ fields: ResultField[]; rows: Row[] } | null>(null);
  /** What is shown belongs to the search before. */
  isStale = $state(false);
  failure = $state<string | null>(null);
  diagnostics = $state.raw<Diagnostic[]>([]);
  #id: string | null = null;
  #stop: AbortController | null = null;

  isAggregate = $derived(this.status?.kind === 'records' || (this.status?.recordCount ?? 0) > 0);
  tab: Tab = $derived(this.address.tab ?? (this.isAggregate ? 'aggregates' : 'messages'));
  /** Messages that can be shown. */
  messageTotal = $derived(this.status?.messagesKept ?? this.status?.messageCount ?? 0);
  isEdited = $derived(this.draft.trim() !== this.address.query.trim());

  constructor() {
    this.draft = this.address.query;
  }

  /** Takes over the address after Back or Forward. */
  restore(): void {
    if (location.pathname === '/welcome') return;
    const next = decodeSearch(location.search);
    const isSame = next.query === this.address.query && next.range.from === this.address.range.from && next.range.to === this.address.range.to;
    this.address = next;
    if (isSame) return;
    this.draft = next.query;
    void this.run();
  }

  /** Changes the address without a new search. */
  show(change: Partial<SearchState>): void {
    this.address = { ...this.address, ...change };
    history.replaceState(null, '', encodeSearch(this.address));
  }

  /** Runs the typed query, in another range if one is given, and enters it into the history. */
  submit(range: Range = this.address.range): void {
    const next: SearchState = { ...this.address, query: this.draft.trim() || '*', range, tab: null, rows: [] };
    const url = encodeSearch(next);
    const isRepeat = url === location.search;
    this.address = next;
    if (isRepeat) history.replaceState(null, '', url);
    else history.pushState(null, '', url);
    void this.run();
  }

  zoom(range: Resolved): void {
    // The range changes, the text that is being edited does not run by accident.
    const draft = this.draft;
    this.draft = this.address.query;
    this.submit(absolute(range));
    this.draft = draft;
  }

  async run(): Promise<void> {
    this.#abandon();
    const range = resolve(this.address.range, Date.now());
    if (!range) {
      this.#fail(`The range ${this.address.range.from} – ${this.address.range.to} is not understood.`);
      return;
    }
    const stop = new AbortController();
    this.#stop = stop;
    this.phase = 'running';
    this.isStale = true;
    this.failure = null;
    this.diagnostics = [];
    const query = this.address.query;
    try {
      const id = await startSearch(query, range.from, range.to, stop.signal);
      if (stop.signal.aborted) {
        void cancelSearch(id).catch(() => undefined);
        return;
      }
      this.#id = id;
      let isFirst = true;
      const begin = performance.now();
      for await (const status of streamStatus(id, stop.signal)) {
        if (stop.signal.aborted) return;
        // The old picture stays until there is something to put in its place.
        const isEmpty = !status.messageCount && !status.recordCount && !/^(DONE|CANCEL|FORCE)/.test(status.state);
        if (isFirst && isEmpty && performance.now() - begin < HOLD_MS) continue;
        if (isFirst) this.#replace(id, query, range);
        isFirst = false;
        this.status = status;
      }
      if (stop.signal.aborted) return;
      if (isFirst) throw new Error('The server ended the search without a result.');
      await this.#finish(id, stop.signal);
    } catch (error) {
      if (stop.signal.aborted) return;
      this.diagnostics = error instanceof ApiError ? error.diagnostics : [];
      this.#fail(error instanceof Error ? error.message : String(error));
    }
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

  #replace(id: string, query: string, range: Resolved): void {
    this.pages?.close();
    this.pages = new MessagePages(id, () => this.phase);
    this.records = null;
    this.shown = { query, range };
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
    if (this.isAggregate) this.records = { fields, rows };
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
    if (this.#id) void cancelSearch(this.#id).catch(() => undefined);
    this.#id = null;
  }
}
