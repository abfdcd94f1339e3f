// Where the rows of the virtual list lie. Rows have one height, and what some need more is kept in a tree of sums,
// so that a list of a million rows finds any of them in twenty steps.
// Browsers limit how tall a page may be, so beyond that the scroll bar is scaled.

/** Less than the smallest limit of today's browsers (about 17.8 million pixels). */
const SCROLL_MAX = 15_000_000;

export class Layout {
  /** What rows need beyond their usual height. */
  #extras = new Map<number, number>();
  /** A Fenwick tree over the extras; made when the first row needs more. */
  #sums: Float64Array | null = null;
  #extra = 0;

  constructor(
    readonly count: number,
    readonly row: number,
    private readonly scrollMax = SCROLL_MAX,
  ) {}

  get height(): number {
    return this.count * this.row + this.#extra;
  }

  get scrollHeight(): number {
    return Math.min(this.height, this.scrollMax);
  }

  extraOf(index: number): number {
    return this.#extras.get(index) ?? 0;
  }

  /** Says what a row needs beyond its usual height; returns whether that is news. */
  setExtra(index: number, extra: number): boolean {
    const change = extra - this.extraOf(index);
    if (!change || index >= this.count) return false;
    if (extra) this.#extras.set(index, extra);
    else this.#extras.delete(index);
    this.#extra += change;
    this.#sums ??= new Float64Array(this.count + 1);
    for (let i = index + 1; i <= this.count; i += i & -i) this.#sums[i]! += change;
    return true;
  }

  /** The top of a row in the whole content. */
  offset(index: number): number {
    let extra = 0;
    if (this.#sums) for (let i = index; i > 0; i -= i & -i) extra += this.#sums[i]!;
    return index * this.row + extra;
  }

  /** The row at a height of the content. */
  indexAt(y: number): number {
    if (!this.#sums) return Math.max(0, Math.min(this.count - 1, Math.floor(y / this.row)));
    let index = 0;
    let left = y;
    for (let step = 2 ** Math.floor(Math.log2(Math.max(1, this.count))); step >= 1; step /= 2) {
      const next = index + step;
      if (next > this.count) continue;
      const height = step * this.row + this.#sums[next]!;
      if (height > left) continue;
      index = next;
      left -= height;
    }
    return Math.max(0, Math.min(this.count - 1, index));
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
