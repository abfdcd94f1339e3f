// Turns the rows of an aggregate into what a chart draws: an axis and a few series.
import type { ResultField, Row } from '../lib/api';
import type { Mode } from '../lib/url';

export interface Series {
  name: string;
  values: (number | null)[];
}

export interface ChartData {
  /** Milliseconds when `isTime`, positions otherwise. */
  xs: number[];
  labels: string[];
  isTime: boolean;
  series: Series[];
  /** Series which were left out. */
  left: number;
  unit: string;
}

/** As many as there are colours; slate is for all others. */
export const SERIES_MAX = 9;
export const NUMERIC = new Set(['int', 'long', 'double', 'integer', 'float', 'number']);

export const TIME = 'time';
export const isTimeField = (field: ResultField) => field.fieldType === TIME || /^_(timeslice|messagetime|receipttime)$/i.test(field.name);
export const isNumberField = (field: ResultField) => NUMERIC.has(field.fieldType.toLowerCase()) && !isTimeField(field);

/** The value under a field's name, whatever its case. */
export function cell(row: Row, field: ResultField): string {
  return row[field.name] ?? row[field.name.toLowerCase()] ?? '';
}

const MOMENT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z$/;
/** Values that are looked at to find out what a column holds. */
const LOOKED_AT = 50;

/** SQL gives moments as ISO 8601; they become milliseconds, as those of the pipe language are. */
export function withTimes(fields: ResultField[], rows: Row[]): { fields: ResultField[]; rows: Row[] } {
  const times = fields.filter((field) => {
    const values = rows.slice(0, LOOKED_AT).map((row) => cell(row, field)).filter(Boolean);
    return values.length > 0 && values.every((value) => MOMENT.test(value));
  });
  if (!times.length) return { fields, rows };
  return {
    fields: fields.map((field) => (times.includes(field) ? { ...field, fieldType: TIME } : field)),
    rows: rows.map((row) => ({ ...row, ...Object.fromEntries(times.map((field) => [field.name, String(Date.parse(cell(row, field)))])) })),
  };
}

/** Whether a query puts its rows in order itself, so that nobody else should. */
export function isOrderedBy(query: string, mode: Mode): boolean {
  return mode === 'sql' ? /\border\s+by\b/i.test(query) : /\|\s*(?:sort|order|top|topk|limit|transpose|compare)\b/i.test(query);
}

export function chartData(fields: ResultField[], rows: Row[]): ChartData | null {
  const axis = fields.find((field) => field.name.toLowerCase() === '_timeslice') ?? fields.find((field) => field.fieldType === TIME) ?? fields.find((field) => field.keyField) ?? fields.find((field) => !isNumberField(field));
  const others = fields.filter((field) => field !== axis);
  const keys = others.filter((field) => field.keyField || !isNumberField(field));
  const measures = others.filter((field) => !keys.includes(field));
  if (!measures.length || !rows.length) return null;
  const isTime = axis !== undefined && isTimeField(axis);

  const positions = new Map<string, number>();
  const labels: string[] = [];
  const columns = new Map<string, (number | null)[]>();
  for (const row of rows) {
    const label = axis ? cell(row, axis) : '';
    let at = positions.get(label);
    if (at === undefined) {
      at = labels.push(label) - 1;
      positions.set(label, at);
    }
    const group = keys.map((key) => cell(row, key) || '–').join(' · ');
    for (const measure of measures) {
      const name = group ? (measures.length > 1 ? `${group} ${measure.name}` : group) : measure.name;
      let values = columns.get(name);
      if (!values) columns.set(name, (values = []));
      const text = cell(row, measure);
      values[at] = text === '' || Number.isNaN(Number(text)) ? null : Number(text);
    }
  }
  const order = labels.map((label, i) => [Number(label), i] as const);
  if (isTime) order.sort((a, b) => a[0] - b[0]);
  const all = [...columns].map(([name, values]) => ({ name, values: order.map(([, i]) => values[i] ?? null) }));
  const weight = (series: Series) => series.values.reduce<number>((sum, value) => sum + Math.abs(value ?? 0), 0);
  const series = all.length > SERIES_MAX ? all.sort((a, b) => weight(b) - weight(a)).slice(0, SERIES_MAX) : all;
  return {
    xs: order.map(([ms], i) => (isTime ? ms : i)),
    labels: order.map(([, i]) => labels[i]!),
    isTime,
    series,
    left: all.length - series.length,
    unit: measures.length === 1 ? measures[0]!.name : '',
  };
}

/** Parts of a pie: the sum of each label (or series), largest first, nine and the others. */
export function slices(data: ChartData): { name: string; value: number }[] {
  const sum = (values: (number | null)[]) => values.reduce<number>((total, value) => total + Math.max(0, value ?? 0), 0);
  const useLabels = data.series.length === 1 && !data.isTime && data.labels.length > 1;
  const all = useLabels
    ? data.labels.map((name, i) => ({ name: name || '–', value: Math.max(0, data.series[0]!.values[i] ?? 0) }))
    : data.series.map((series) => ({ name: series.name, value: sum(series.values) }));
  const sorted = all.filter((part) => part.value > 0).sort((a, b) => b.value - a.value);
  if (sorted.length <= SERIES_MAX) return sorted;
  const rest = sorted.slice(SERIES_MAX);
  return [...sorted.slice(0, SERIES_MAX), { name: `${rest.length} others`, value: rest.reduce((total, part) => total + part.value, 0) }];
}

const STATES: Record<string, string> = { '–': 'var(--s10)', FATAL: 'var(--fatal-fill)', ERROR: 'var(--error-fill)', WARN: 'var(--warn-fill)', WARNING: 'var(--warn-fill)', INFO: 'var(--info-fill)', DEBUG: 'var(--debug-fill)', TRACE: 'var(--debug-fill)' };

/** A name keeps its colour: its hash picks the slot, a taken slot gives the next free one. Levels keep theirs. */
export function colours(names: string[]): Map<string, string> {
  const taken = new Set<number>();
  const result = new Map<string, string>();
  for (const name of names) {
    const state = STATES[name.toUpperCase()];
    if (state || / others$/.test(name)) {
      result.set(name, state ?? 'var(--s10)');
      continue;
    }
    let hash = 7;
    for (let i = 0; i < name.length; i += 1) hash = (hash * 31 + name.charCodeAt(i)) >>> 0;
    let slot = hash % 9;
    for (let tries = 0; taken.has(slot) && tries < 9; tries += 1) slot = (slot + 1) % 9;
    if (names.length === 1) slot = 0;
    taken.add(slot);
    result.set(name, `var(--s${slot + 1})`);
  }
  return result;
}
