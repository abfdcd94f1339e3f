// Where panels lie on the grid of twelve columns while they are moved: what is in the way goes down, then all rise.
export type At = [column: number, row: number, width: number, height: number];

export interface Placed {
  id: string;
  at: At;
}

export const COLUMNS = 12;
/** A panel needs room for its title and something below it. */
const HEIGHT_MIN = 2;
const HEIGHT_MAX = 60;
/** A key looks no further than this for a place that is different. */
const STEPS_MAX = 200;

export function overlap([x, y, width, height]: At, [left, top, wide, high]: At): boolean {
  return x < left + wide && left < x + width && y < top + high && top < y + height;
}

/** The nearest place that is on the grid. */
export function onGrid([x, y, width, height]: At): At {
  const within = (value: number, low: number, high: number) => Math.max(low, Math.min(high, Math.round(value)));
  const wide = within(width, 1, COLUMNS);
  return [within(x, 0, COLUMNS - wide), Math.max(0, Math.round(y)), wide, within(height, HEIGHT_MIN, HEIGHT_MAX)];
}

/** Panels without gaps above them; where two want one place, the earlier one has it. */
function settle<T extends Placed>(panels: T[]): T[] {
  const settled: T[] = [];
  for (const panel of panels) {
    const [x, row, width, height] = panel.at;
    const isFree = (y: number) => settled.every((other) => !overlap([x, y, width, height], other.at));
    let y = row;
    while (!isFree(y)) y += 1;
    if (y === row) while (y > 0 && isFree(y - 1)) y -= 1;
    settled.push(y === row ? panel : { ...panel, at: [x, y, width, height] });
  }
  return settled;
}

const inOrder = <T extends Placed>(panels: T[], row: (panel: T) => number) => [...panels].sort((a, b) => row(a) - row(b) || a.at[0] - b.at[0]);

/** The panels after one was moved or resized; in the order in which they were given. */
export function place<T extends Placed>(panels: T[], id: string, at: At): T[] {
  const moved = panels.map((panel) => (panel.id === id ? { ...panel, at: onGrid(at) } : panel));
  // In front of those that begin in the same row.
  const settled = settle(inOrder(moved, (panel) => panel.at[1] - (panel.id === id ? 0.5 : 0)));
  return panels.map((panel) => settled.find((other) => other.id === panel.id)!);
}

/** The panels after one was taken away, or the file had gaps. */
export function closeGaps<T extends Placed>(panels: T[]): T[] {
  const settled = settle(inOrder(panels, (panel) => panel.at[1]));
  return panels.map((panel) => settled.find((other) => other.id === panel.id)!);
}

/** The panels after one was moved by a key: as far as it takes to be somewhere else. */
export function step<T extends Placed>(panels: T[], id: string, dx: number, dy: number): T[] {
  const panel = panels.find((one) => one.id === id);
  if (!panel) return panels;
  const [x, y, width, height] = panel.at;
  for (let n = 1; n <= STEPS_MAX; n += 1) {
    const next = place(panels, id, [x + dx * n, y + dy * n, width, height]);
    const [column, row] = next.find((one) => one.id === id)!.at;
    if (column !== x || row !== y) return next;
    if (y + dy * n < 0 || dx) break;
  }
  return panels;
}

/** The first row below all panels. */
export const below = (panels: Placed[]) => panels.reduce((most, { at }) => Math.max(most, at[1] + at[3]), 0);
