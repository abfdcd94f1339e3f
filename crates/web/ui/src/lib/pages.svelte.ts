// The messages of one search, fetched page by page as the list comes to them; far pages are forgotten.
import { fetchMessages, type Row } from './api';

const PAGE_ROWS = 200;
const PAGES_MAX = 60;

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
    private isFinal: () => boolean,
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
      void this.#load(page, wanted);
    }
  }

  async #load(page: number, wanted: number): Promise<void> {
    this.#asked.set(page, wanted);
    const wasFinal = this.isFinal();
    try {
      const { rows } = await fetchMessages(this.searchId, page * PAGE_ROWS, PAGE_ROWS, this.#stop.signal);
      // Delete and set, so that the map's order is the order of use.
      this.#pages.delete(page);
      this.#pages.set(page, rows);
      if (wasFinal && rows.length < wanted) this.end = Math.min(this.end, page * PAGE_ROWS + rows.length);
      this.#forget();
      this.failure = null;
    } catch (error) {
      if (!this.#stop.signal.aborted) this.failure = error instanceof Error ? error.message : String(error);
    } finally {
      this.#asked.delete(page);
      if (!this.#stop.signal.aborted) this.version += 1;
    }
  }

  #forget(): void {
    for (const page of this.#pages.keys()) {
      if (this.#pages.size <= PAGES_MAX) return;
      this.#pages.delete(page);
    }
  }

  close(): void {
    this.#stop.abort();
  }
}
