// Turns the series of a metrics query into lines of a chart and rows of a table.
import type { MetricsResult, MetricsSeries, ResultField, Row } from '../lib/api';
import { SERIES_MAX, type ChartData } from './series';

/** A name for each series: what tells them apart, or the metric if nothing does. */
export function names(series: MetricsSeries[]): string[] {
  const keys = [...new Set(series.flatMap((one) => Object.keys(one.dimensions)))].filter((key) => new Set(series.map((one) => one.dimensions[key] ?? '')).size > 1);
  const hasMetrics = new Set(series.map((one) => one.metric)).size > 1;
  const seen = new Map<string, number>();
  return series.map((one) => {
    const parts = [...(hasMetrics || !keys.length ? [one.metric] : []), ...keys.map((key) => one.dimensions[key] ?? '')].filter(Boolean);
    const name = parts.join(' · ') || one.metric || 'value';
    const times = (seen.get(name) ?? 0) + 1;
    seen.set(name, times);
    return times > 1 ? `${name} (${times})` : name;
  });
}

const known = (values: (number | null)[]): number[] => values.filter((value) => value !== null && Number.isFinite(value)) as number[];
const size = (one: MetricsSeries): number => known(one.values).reduce((sum, value) => sum + Math.abs(value), 0);

/** The largest series over all their times; null when there is nothing to draw. */
export function lines(result: MetricsResult): ChartData | null {
  const all = names(result.series).map((name, i) => ({ name, series: result.series[i]! }));
  const drawn = (all.length > SERIES_MAX ? [...all].sort((a, b) => size(b.series) - size(a.series)).slice(0, SERIES_MAX) : all).filter((one) => one.series.times.length);
  if (!drawn.length) return null;
  const xs = [...new Set(drawn.flatMap((one) => one.series.times))].sort((a, b) => a - b);
  const place = new Map(xs.map((ms, i) => [ms, i]));
  return {
    xs,
    labels: xs.map(String),
    isTime: true,
    series: drawn.map(({ name, series }) => {
      const values: (number | null)[] = xs.map(() => null);
      series.times.forEach((ms, i) => (values[place.get(ms)!] = series.values[i] ?? null));
      return { name, values };
    }),
    left: all.length - drawn.length,
    unit: '',
  };
}

/** One row a series. */
export function table(result: MetricsResult): { fields: ResultField[]; rows: Row[] } {
  const keys = [...new Set(result.series.flatMap((one) => Object.keys(one.dimensions)))];
  const text = (name: string): ResultField => ({ name, fieldType: 'string', keyField: false });
  const number = (name: string): ResultField => ({ name, fieldType: 'double', keyField: false });
  const fields = [text('metric'), ...keys.map(text), number('points'), number('latest'), number('avg'), number('min'), number('max')];
  const rows = result.series.map((one) => {
    const values = known(one.values);
    const sum = values.reduce((total, value) => total + value, 0);
    const least = values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
    const most = values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
    const shown = (value: number | undefined) => (value === undefined || !values.length ? '' : String(value));
    return { metric: one.metric, ...one.dimensions, points: String(values.length), latest: shown(values.at(-1)), avg: shown(sum / values.length), min: shown(least), max: shown(most) };
  });
  return { fields, rows };
}
