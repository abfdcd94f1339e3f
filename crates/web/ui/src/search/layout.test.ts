import { describe, expect, it } from 'vitest';
import { Layout } from './layout';

function layout(count: number, extras: [number, number][]): Layout {
  const made = new Layout(count, 22);
  for (const [index, extra] of extras) made.setExtra(index, extra);
  return made;
}

describe('the virtual list', () => {
  it('places rows below open ones further down', () => {
    const open = layout(100, [[2, 200]]);
    expect([open.offset(2), open.offset(3), open.height]).toEqual([44, 266, 2400]);
    expect([10, 50, 100, 270].map((y) => open.indexAt(y))).toEqual([0, 2, 2, 3]);
  });
  it('finds each row at its own top, and one pixel above the next', () => {
    const open = layout(1_000_000, [[7, 300], [500_000, 80], [999_999, 40]]);
    for (const index of [0, 6, 7, 8, 499_999, 500_000, 500_001, 999_998]) {
      expect(open.indexAt(open.offset(index))).toBe(index);
      expect(open.indexAt(open.offset(index + 1) - 1)).toBe(index);
    }
    expect(open.indexAt(1e12)).toBe(999_999);
  });
  it('is right for rows of any height', () => {
    const heights = Array.from({ length: 501 }, (_, i) => 22 + ((i * 7919) % 90));
    const open = layout(501, heights.map((height, i) => [i, height - 22]));
    let top = 0;
    for (const [index, height] of heights.entries()) {
      expect([open.offset(index), open.indexAt(top), open.indexAt(top + height - 1)]).toEqual([top, index, index]);
      top += height;
    }
    expect(open.height).toBe(top);
  });
  it('forgets what a row needed', () => {
    const open = layout(10, [[3, 50]]);
    expect([open.setExtra(3, 0), open.setExtra(3, 0), open.height, open.offset(9)]).toEqual([true, false, 220, 198]);
  });
  it('is never taller than a browser can scroll, and reaches the last row', () => {
    const tall = layout(3_000_000, []);
    expect(tall.scrollHeight).toBe(15_000_000);
    const top = tall.contentTop(tall.scrollHeight - 600, 600);
    expect(tall.indexAt(top + 599)).toBe(2_999_999);
    expect(tall.scrollFor(top, 600)).toBeCloseTo(tall.scrollHeight - 600);
  });
});
