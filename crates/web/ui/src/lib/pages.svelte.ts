// The messages of one search, fetched page by page as the list comes to them; far pages are forgotten.
import { ApiError, fetchMessages, type Row } from './api';
import { identity } from './message';
import { rowKey } from './url';

const PAGE_ROWS = 200;
const PAGES_MAX = 60;
/** How far, and in which steps, a row is looked for. */
const LOCATE_MAX = 20_000;
const LOCATE_ROWS = 2000;

export class MessagePages {
  /** Rises with every page that arrives, so that views look again. */
  version = $state(0);
  /** Where the server's list ends, once it was found to be shorter than the count. */
  end = $state(Number.POSITIVE_INFINITY);
  failure = $state<string | null>(null);
  #pages = new Map<number, Row[]>();
  #asked = new Map<number, number>();
  #stop = new AbortController();

  constructor(
    readonly searchId: string,
    private phase: () => string,
  ) {}

  row(index: number): Row | undefined {
    return this.#pages.get(Math.floor(index / PAGE_ROWS))?.[index % PAGE_ROWS];
  }

  /** Asks for the pages of rows `first..last` of `count` that are missing or were not full. */
  ensure(first: number, last: number, count: number): void {
    for (let page = Math.floor(first / PAGE_ROWS); page <= Math.floor(Math.max(first, last - 1) / PAGE_ROWS); page += 1) {
      const wanted = Math.min(PAGE_ROWS, count - page * PAGE_ROWS);
      const rows = this.#pages.get(page);
      if (wanted <= 0 || this.#asked.has(page) || (rows && rows.length >= wanted)) continue;
      if (page * PAGE_ROWS + (rows?.length ?? 0) >= this.end) continue;
      if (this.phase() === 'cancelled' || this.#stop.signal.aborted) {
        // The server forgets a cancelled search: what was fetched is what there is.
        this.end = this.#fetched();
        return;
      }
      void this.#load(page, wanted);
    }
  }

  async #load(page: number, wanted: number): Promise<void> {
    this.#asked.set(page, wanted);
    const wasFinal = this.phase() !== 'running';
    try {
      const { rows } = await fetchMessages(this.searchId, page * PAGE_ROWS, PAGE_ROWS, this.#stop.signal);
      // Delete and set, so that the map's order is the order of use.
      this.#pages.delete(page);
      this.#pages.set(page, rows);
      if (wasFinal && rows.length < wanted) await this.#shorten(page, rows.length);
      this.#forget();
      this.failure = null;
    } catch (error) {
      if (this.phase() === 'cancelled') this.end = this.#fetched();
      else if (!this.#stop.signal.aborted) this.failure = isGone(error) ? 'The server no longer keeps this result; run the search again.' : error instanceof Error ? error.message : String(error);
    } finally {
      this.#asked.delete(page);
      if (!this.#stop.signal.aborted) this.version += 1;
    }
  }

  /** Rows from the top that were fetched without a gap. */
  #fetched(): number {
    for (let page = 0; ; page += 1) {
      const rows = this.#pages.get(page);
      if (!rows || rows.length < PAGE_ROWS) return page * PAGE_ROWS + (rows?.length ?? 0);
    }
  }

  /** A page that is not full is the last one; an empty one lies beyond it, and the end is looked for by halves. */
  async #shorten(page: number, length: number): Promise<void> {
    let low = page * PAGE_ROWS + length;
    if (length === 0 && page > 0) {
      let high = Math.min(this.end, page * PAGE_ROWS);
      low = 0;
      while (low < high) {
        const middle = Math.floor((low + high) / 2);
        const { rows } = await fetchMessages(this.searchId, middle, 1, this.#stop.signal);
        if (rows.length) low = middle + 1;
        else high = middle;
      }
    }
    this.end = Math.min(this.end, low);
  }

  /**
   * Finds where a row of an address is now: at its index, or further down if newer events came since.
   * Returns null when it is not among the rows that were looked at.
   */
  async locate(key: string, count: number): Promise<number | null> {
    const index = Number.parseInt(key, 10);
    const isIt = (row: Row | undefined) => row !== undefined && rowKey(index, identity(row)) === key;
    if (isIt(this.row(index))) return index;
    for (let offset = index; offset < Math.min(count, index + LOCATE_MAX); offset += LOCATE_ROWS) {
      const { rows } = await fetchMessages(this.searchId, offset, LOCATE_ROWS, this.#stop.signal);
      const at = rows.findIndex(isIt);
      if (at >= 0) return offset + at;
      if (!rows.length) break;
    }
    return null;
  }

  #forget(): void {
    for (const page of this.#pages.keys()) {
      if (this.#pages.size <= PAGES_MAX) return;
      this.#pages.delete(page);
    }
  }

  /** The server is about to forget the search: what was fetched stays, nothing more is asked. */
  close(): void {
    this.#stop.abort();
  }
}

function isGone(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404;
}
