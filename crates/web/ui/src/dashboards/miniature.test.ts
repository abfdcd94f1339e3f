import { expect, it } from 'vitest';
import type { ChartKind } from '../lib/dashboards';
import { glyph, HEIGHT, tile, WIDTH } from './miniature';

it('lays tiles side by side within the picture', () => {
  const [left, right] = [tile([0, 0, 6, 4]), tile([6, 0, 6, 4])];
  expect(left.x + left.width).toBeLessThan(right.x);
  expect(right.x + right.width).toBeLessThan(WIDTH);
  expect(tile([0, 4, 12, 4]).y).toBeGreaterThan(left.y + left.height);
  expect(tile([0, 100, 12, 4]).y).toBeGreaterThan(HEIGHT);
});

const CHARTS: ChartKind[] = ['single', 'line', 'area', 'column', 'bar', 'pie', 'donut', 'gauge', 'heatmap', 'honeycomb', 'table', 'logs', 'text'];

it.each(CHARTS)('the sign for %s stays in its tile, however small', (chart) => {
  for (const box of [tile([2, 3, 4, 6]), tile([11, 0, 1, 1])]) {
    const starts = [...glyph(chart, box).matchAll(/[ML](-?[\d.]+) (-?[\d.]+)/g)].map((match) => [Number(match[1]), Number(match[2])] as const);
    expect(starts.length).toBeGreaterThan(0);
    for (const [x, y] of starts) {
      expect(x).toBeGreaterThanOrEqual(box.x - 0.05);
      expect(x).toBeLessThanOrEqual(box.x + box.width + 0.05);
      expect(y).toBeGreaterThanOrEqual(box.y - 0.05);
      expect(y).toBeLessThanOrEqual(box.y + box.height + 0.05);
    }
  }
});
