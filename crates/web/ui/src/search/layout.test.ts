import { describe, expect, it } from 'vitest';
import { Layout } from './layout';

describe('the virtual list', () => {
  it('places rows below open ones further down', () => {
    const layout = new Layout(100, 22, new Map([[2, 200]]));
    expect([layout.offset(2), layout.offset(3), layout.height]).toEqual([44, 266, 2400]);
    expect([10, 50, 100, 270].map((y) => layout.indexAt(y))).toEqual([0, 2, 2, 3]);
  });
  it('finds each row at its own top', () => {
    const layout = new Layout(1_000_000, 22, new Map([[7, 300], [500_000, 80]]));
    for (const index of [0, 7, 8, 499_999, 500_000, 500_001, 999_999]) expect(layout.indexAt(layout.offset(index))).toBe(index);
  });
  it('is never taller than a browser can scroll, and reaches the last row', () => {
    const layout = new Layout(3_000_000, 22, new Map());
    expect(layout.scrollHeight).toBe(15_000_000);
    const top = layout.contentTop(layout.scrollHeight - 600, 600);
    expect(layout.indexAt(top + 599)).toBe(2_999_999);
    expect(layout.scrollFor(top, 600)).toBeCloseTo(layout.scrollHeight - 600);
  });
});
