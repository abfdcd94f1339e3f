// Turns what a query found into what a panel draws.
import type { ResultField, Row } from '../lib/api';
import type { Found, Panel, PanelState, Threshold } from '../lib/dashboards';
import { cell, isNumberField, isTimeField } from '../records/series';

export interface Line {
  name: string;
  values: (number | null)[];
  /** A comparison: dashed, neutral. */
  isBefore?: boolean;
}

export interface TimeGrid {
  /** Starts of the slices, in milliseconds. */
  xs: number[];
  sliceMs: number;
  from: number;
  to: number;
}

export interface Drawing {
  grid: TimeGrid;
  lines: Line[];
  /** Series which were left out. */
  left: number;
}

/** A name and its value, for bars, pies and cells. */
export interface Part {
  name: string;
  value: number;
  /** The whole that the value is a part of. */
  whole: number | null;
  row: Row | null;
}

export const LINES_MAX = 9;
export const OTHERS = / others$/;
const CLOUDS: Record<string, string> = { aws: 'AWS', gcp: 'GCP', azure: 'Azure' };

/** How a value of a field is called. */
export function named(value: string, field?: string): string {
  return (field === 'provider' || field === undefined ? CLOUDS[value] : undefined) ?? (value || '–');
}

export function fieldOf(found: Found, name: string | undefined): ResultField | undefined {
  return name === undefined ? undefined : found.fields.find((field) => field.name.toLowerCase() === name.toLowerCase());
}

export function numberOf(row: Row | undefined, field: ResultField | undefined): number | null {
  if (!row || !field) return null;
  const text = cell(row, field);
  return text === '' || Number.isNaN(Number(text)) ? null : Number(text);
}

/** The field of the axis, those of the series, and those of the values. */
function roles(found: Found, panel: Panel): { axis: ResultField | undefined; keys: ResultField[]; measures: ResultField[] } {
  const isGroup = (field: ResultField) => field.keyField || !isNumberField(field);
  const axis = fieldOf(found, panel.x) ?? found.fields.find(isTimeField) ?? found.fields.find(isGroup);
  const named = (panel.y ?? []).map((name) => fieldOf(found, name)).filter((field) => field !== undefined);
  const measures = named.length ? named : found.fields.filter((field) => field !== axis && !isGroup(field) && field.name !== panel.of);
  const by = fieldOf(found, panel.by);
  const keys = by ? [by] : panel.y?.length ? [] : found.fields.filter((field) => field !== axis && isGroup(field) && !isTimeField(field));
  return { axis, keys, measures };
}

const SLICES_MAX = 2000;

/** The slices of a range. The first, partial one is left out; the last one, too, where a line would seem to fall
    only because it is not over. */
export function gridOf(from: number, to: number, sliceMs: number, isWhole: boolean): TimeGrid {
  const xs: number[] = [];
  for (let t = Math.ceil(from / sliceMs) * sliceMs; t + (isWhole ? sliceMs : 0) <= to && t < to && xs.length < SLICES_MAX; t += sliceMs) xs.push(t);
  return { xs, sliceMs, from: xs[0] ?? from, to: Math.max(to, (xs[0] ?? from) + sliceMs) };
}

const total = (values: (number | null)[]) => values.reduce<number>((sum, value) => sum + Math.abs(value ?? 0), 0);
/** Whether what is missing is nothing, and values can be added up. */
export const isAdditive = (panel: Panel) => panel.chart === 'column' || panel.chart === 'area' || panel.chart === 'bar' || panel.chart === 'pie' || panel.chart === 'donut';

/** Values over time, one line a series; the smallest become "others" where they can be added up. */
export function overTime(found: Found, panel: Panel, grid: TimeGrid, shiftMs = 0): { lines: Line[]; left: number } {
  const { axis, keys, measures } = roles(found, panel);
  if (!axis || !measures.length) return { lines: [], left: 0 };
  const empty = isAdditive(panel) ? 0 : null;
  const lines = new Map<string, (number | null)[]>();
  for (const row of found.rows) {
    const time = numberOf(row, axis);
    if (time === null) continue;
    const at = Math.round((time + shiftMs - (grid.xs[0] ?? 0)) / grid.sliceMs);
    if (at < 0 || at >= grid.xs.length) continue;
    const group = keys.map((key) => named(cell(row, key), key.name)).join(' · ');
    for (const measure of measures) {
      const word = measure.name.replace(/_(ms|usd|mb|s)$/, '').replace(/_/g, ' ').trim() || measure.name;
      const name = group ? (measures.length > 1 ? `${group} ${word}` : group) : word;
      let values = lines.get(name);
      if (!values) lines.set(name, (values = grid.xs.map(() => empty)));
      const value = numberOf(row, measure);
      if (value !== null) values[at] = isAdditive(panel) ? (values[at] ?? 0) + value : value;
    }
  }
  const all = [...lines].map(([name, values]) => ({ name, values }));
  // Measures stand as their file lists them: the last one on top.
  return keys.length || measures.length < 2 ? fewest(all, isAdditive(panel)) : { lines: all.reverse(), left: 0 };
}

function fewest(lines: Line[], canAdd: boolean): { lines: Line[]; left: number } {
  const sorted = [...lines].sort((a, b) => total(b.values) - total(a.values) || a.name.localeCompare(b.name));
  if (sorted.length <= LINES_MAX) return { lines: sorted, left: 0 };
  const rest = sorted.slice(LINES_MAX);
  if (!canAdd) return { lines: sorted.slice(0, LINES_MAX), left: rest.length };
  const values = rest[0]!.values.map((_, i) => rest.reduce((sum, line) => sum + (line.values[i] ?? 0), 0));
  return { lines: [...sorted.slice(0, LINES_MAX), { name: `${rest.length} others`, values }], left: 0 };
}

/** The sum of all lines, as one line of comparison. */
export function before(lines: Line[], label: string): Line | null {
  const first = lines[0];
  if (!first || !lines.some((line) => line.values.some((value) => value))) return null;
  return { name: lines.length > 1 ? `all, ${label}` : label, isBefore: true, values: first.values.map((_, i) => lines.reduce<number | null>((sum, line) => (line.values[i] === null ? sum : (sum ?? 0) + line.values[i]!), null)) };
}

/** One value a name, largest first; the smallest become "others" where parts of a whole are shown. */
export function byName(found: Found, panel: Panel, max: number): Part[] {
  const { axis, keys, measures } = roles(found, panel);
  const names = fieldOf(found, panel.by) ? keys : axis && !isTimeField(axis) ? [axis] : keys;
  const [measure, whole] = [measures[0], fieldOf(found, panel.of)];
  if (!measure) return [];
  const all = new Map<string, Part>();
  for (const row of found.rows) {
    const name = names.map((key) => named(cell(row, key), key.name)).join(' · ') || measure.name;
    const value = numberOf(row, measure);
    if (value === null) continue;
    const part = all.get(name);
    if (part) part.value += value;
    else all.set(name, { name, value, whole: numberOf(row, whole), row });
  }
  const share = (part: Part) => (panel.of ? part.value / (part.whole || Number.POSITIVE_INFINITY) : part.value);
  const sorted = [...all.values()].sort((a, b) => share(b) - share(a));
  if (sorted.length <= max) return sorted;
  const rest = sorted.slice(max - 1);
  if (panel.of) return sorted.slice(0, max);
  return [...sorted.slice(0, max - 1), { name: `${rest.length} others`, value: rest.reduce((sum, part) => sum + part.value, 0), whole: null, row: null }];
}

/** One number out of all rows. */
export function single(found: Found, panel: Panel): number | null {
  const { measures } = roles(found, panel);
  const values = found.rows.map((row) => numberOf(row, measures[0])).filter((value) => value !== null);
  if (!values.length) return null;
  const sum = values.reduce((all, value) => all + value, 0);
  switch (panel.reduce) {
    case 'sum':
      return sum;
    case 'mean':
      return sum / values.length;
    case 'min':
      return values.reduce((a, b) => Math.min(a, b));
    case 'max':
      return values.reduce((a, b) => Math.max(a, b));
    default:
      return values.at(-1)!;
  }
}

const RANK: Record<PanelState, number> = { ok: 0, warning: 1, critical: 2 };

/** The gravest state whose threshold the value has reached. */
export function stateOf(value: number | null, thresholds: Threshold[] | undefined): PanelState | null {
  let worst: PanelState | null = null;
  for (const threshold of thresholds ?? []) {
    if (value === null || (threshold.below ? value > threshold.at : value < threshold.at)) continue;
    if (!worst || RANK[threshold.state] > RANK[worst]) worst = threshold.state;
  }
  return worst;
}

export const fillOf = (state: PanelState | null, otherwise: string) => (state && state !== 'ok' ? `var(--${state}-fill)` : otherwise);
