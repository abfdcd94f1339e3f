// Where the rows of the virtual list lie. Browsers limit how tall a page may be, so beyond that the scroll bar is scaled.

/** Less than the smallest limit of today's browsers (about 17.8 million pixels). */
const SCROLL_MAX = 15_000_000;

export class Layout {
  readonly height: number;
  readonly scrollHeight: number;
  #open: [index: number, extra: number][];

  constructor(
    readonly count: number,
    readonly row: number,
    open: Map<number, number>,
    scrollMax = SCROLL_MAX,
  ) {
    this.#open = [...open].sort((a, b) => a[0] - b[0]);
    this.height = count * row + this.#open.reduce((sum, [, extra]) => sum + extra, 0);
    this.scrollHeight = Math.min(this.height, scrollMax);
  }

  /** The top of a row in the whole content. */
  offset(index: number): number {
    let extra = 0;
    for (const [at, height] of this.#open) if (at < index) extra += height;
    return index * this.row + extra;
  }

  /** The row at a height of the content. */
  indexAt(y: number): number {
    let before = 0;
    for (const [at, height] of this.#open) {
      const start = at * this.row + before;
      if (y < start + this.row) break;
      if (y < start + this.row + height) return at;
      before += height;
    }
    return Math.max(0, Math.min(this.count - 1, Math.floor((y - before) / this.row)));
  }

  /** The height of the content which a place of the scroll bar shows. */
  contentTop(scrollTop: number, view: number): number {
    if (this.height === this.scrollHeight) return scrollTop;
    return (scrollTop / Math.max(1, this.scrollHeight - view)) * (this.height - view);
  }

  scrollFor(y: number, view: number): number {
    if (this.height === this.scrollHeight) return y;
    return (y / Math.max(1, this.height - view)) * (this.scrollHeight - view);
  }
}
