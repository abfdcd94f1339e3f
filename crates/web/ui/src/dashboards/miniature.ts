// How a dashboard is drawn small: its tiles, and a sign in each for the kind of its chart.
import type { ChartKind } from '../lib/dashboards';
import { COLUMNS } from './layout';

export const WIDTH = 120;
export const HEIGHT = 68;
const EDGE = 3;
export const COLUMN = (WIDTH - 2 * EDGE) / COLUMNS;
/** A row is about 0.37 of a column high, as on a page of usual width. */
const ROW = COLUMN * 0.37;
const GAP = 1;

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Where a panel lies; tiles further down than the picture is high have their `y` beyond it. */
export function tile([column, row, width, height]: [number, number, number, number]): Box {
  return { x: EDGE + column * COLUMN, y: EDGE + row * ROW, width: width * COLUMN - GAP, height: height * ROW - GAP };
}

/** Points of a sign as parts of its box, from the left and from the top. */
const CURVE: [number, number][] = [[0, 0.7], [0.25, 0.35], [0.5, 0.55], [0.75, 0.15], [1, 0.3]];
const ROWS = [0.1, 0.37, 0.64, 0.9];
const LENGTHS = [1, 0.7, 0.5, 0.3];

/** The path of the sign for a kind of chart; it says the kind, and nothing about what was found. */
export function glyph(chart: ChartKind, box: Box): string {
  const [inset, top] = [Math.min(2, box.width / 5), Math.min(2, box.height / 4)];
  const x = (part: number) => (box.x + inset + part * (box.width - 2 * inset)).toFixed(1);
  const y = (part: number) => (box.y + top + part * (box.height - 2 * top)).toFixed(1);
  const line = (points: [number, number][]) => `M${points.map(([across, down]) => `${x(across)} ${y(down)}`).join('L')}`;
  switch (chart) {
    case 'line':
      return line(CURVE);
    case 'area':
      return `${line([[0, 1], ...CURVE, [1, 1]])}Z`;
    case 'column':
      return CURVE.map(([, down], i) => `${line([[i / 5, 1], [i / 5, down], [i / 5 + 0.13, down], [i / 5 + 0.13, 1]])}Z`).join('');
    case 'single':
      return line([[0, 0.35], [0.5, 0.35]]) + line([[0, 0.9], [1, 0.9]]);
    case 'bar':
      return ROWS.map((down, i) => line([[0, down], [LENGTHS[i]!, down]])).join('');
    case 'pie':
    case 'donut':
    case 'gauge': {
      const radius = Math.min(box.width / 2 - inset, box.height / 2 - top);
      const [middle, centre] = [box.x + box.width / 2, box.y + box.height / 2];
      const half = `M${(middle - radius).toFixed(1)} ${centre.toFixed(1)}a${radius.toFixed(1)} ${radius.toFixed(1)} 0 0 1 ${(2 * radius).toFixed(1)} 0`;
      return chart === 'gauge' ? half : `${half}a${radius.toFixed(1)} ${radius.toFixed(1)} 0 0 1 ${(-2 * radius).toFixed(1)} 0`;
    }
    case 'heatmap':
    case 'honeycomb':
      return ROWS.map((down, i) => line([[0, down], [0.25, down]]) + line([[i % 2 ? 0.35 : 0.6, down], [i % 2 ? 0.6 : 1, down]])).join('');
    default:
      return ROWS.map((down) => line([[0, down], [1, down]])).join('');
  }
}
