// Numbers, sizes and times as the whole UI writes them. Times are in the zone of the page.
import { offsetAt, zone } from './zone.svelte';

const pad = (value: number, width = 2) => String(value).padStart(width, '0');

export function integer(value: number): string {
  return Math.round(value).toString().replace(/\B(?=(\d{3})+(?!\d))/g, ',').replace(/^-/, '−');
}

/** `9,999`, `10 k`, `1.04 M`. */
export function compact(value: number): string {
  const size = Math.abs(value);
  if (size < 10_000) return Number.isInteger(value) ? integer(value) : decimal(value);
  for (const [unit, word] of [[1e9, 'G'], [1e6, 'M'], [1e3, 'k']] as const) {
    if (size >= unit) return `${significant(value / unit)} ${word}`;
  }
  return integer(value);
}

/** Up to four significant digits, for tables and axes. */
export function decimal(value: number): string {
  if (Number.isInteger(value)) return integer(value);
  const size = Math.abs(value);
  const text = size >= 1000 ? integer(value) : value.toFixed(size >= 100 ? 1 : size >= 1 ? 2 : 4).replace(/0+$/, '').replace(/\.$/, '');
  return text.replace(/^-/, '−');
}

function significant(value: number): string {
  return (Math.abs(value) < 10 ? value.toFixed(2) : Math.abs(value) < 100 ? value.toFixed(1) : value.toFixed(0)).replace(/\.0+$/, '').replace(/^-/, '−');
}

export function bytes(value: number): string {
  if (value < 1000) return `${integer(value)} B`;
  for (const [unit, word] of [[1e12, 'TB'], [1e9, 'GB'], [1e6, 'MB'], [1e3, 'kB']] as const) {
    if (value >= unit) return `${significant(value / unit)} ${word}`;
  }
  return `${value} B`;
}

/** A short span: `412 ms`, `12.3 s`, `2 min 14 s`, `3 h 5 min`. */
export function duration(ms: number): string {
  if (ms < 9999.5) return `${integer(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1).replace(/\.0$/, '')} s`;
  const two = (big: number, word: string, small: number, other: string) => (small ? `${big} ${word} ${small} ${other}` : `${big} ${word}`);
  if (ms < 3_600_000) return two(Math.floor(ms / 60_000), 'min', Math.round((ms % 60_000) / 1000) % 60, 's');
  if (ms < 86_400_000) return two(Math.floor(ms / 3_600_000), 'h', Math.round((ms % 3_600_000) / 60_000) % 60, 'min');
  return two(Math.floor(ms / 86_400_000), 'd', Math.round((ms % 86_400_000) / 3_600_000) % 24, 'h');
}

/** Elapsed search time, in seconds with two digits. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

/** `6 s ago`. */
export function ago(ms: number): string {
  if (ms < 0) return 'just now';
  if (ms < 60_000) return `${Math.floor(ms / 1000)} s ago`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ago`;
  if (ms < 86_400_000) return `${Math.floor(ms / 3_600_000)} h ago`;
  return `${Math.floor(ms / 86_400_000)} d ago`;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** What the zone's clocks show, read with the UTC getters. */
const wall = (ms: number) => new Date(ms + offsetAt(ms, zone.name));

/** `14:51:58.806`. */
export function clock(ms: number): string {
  const d = wall(ms);
  return Number.isNaN(ms) ? '–' : `${hourMinute(ms)}:${pad(d.getUTCSeconds())}.${pad(d.getUTCMilliseconds(), 3)}`;
}

export function hourMinute(ms: number): string {
  const d = wall(ms);
  return `${pad(d.getUTCHours())}:${pad(d.getUTCMinutes())}`;
}

/** `23 Nov`. */
export function day(ms: number): string {
  const d = wall(ms);
  return `${d.getUTCDate()} ${MONTHS[d.getUTCMonth()]}`;
}

/** `23 Nov 14:50:00`. */
export function dayTime(ms: number): string {
  const d = wall(ms);
  return `${day(ms)} ${hourMinute(ms)}:${pad(d.getUTCSeconds())}`;
}

/** `2026-11-23 14:50:00`, which the time picker reads back. */
export function typed(ms: number): string {
  return wall(ms).toISOString().slice(0, ms % 1000 ? 23 : 19).replace('T', ' ');
}

/** `13:52 – 14:52` within a day, with days otherwise. */
export function span(from: number, to: number): string {
  const hasSeconds = to - from < 300_000;
  const time = (ms: number) => (hasSeconds ? clock(ms).slice(0, 8) : hourMinute(ms));
  return day(from) === day(to) ? `${time(from)} – ${time(to)}` : `${day(from)} ${time(from)} – ${day(to)} ${time(to)}`;
}

/** Round ticks for a time axis: at most `count` of them. */
export function timeTicks(from: number, to: number, count: number): number[] {
  const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5, 108e5, 216e5, 432e5, 864e5, 1728e5, 6048e5, 12096e5, 24192e5];
  const step = steps.find((s) => (to - from) / s <= count) ?? (to - from) / count;
  // Round by the zone's clocks; a change of the offset inside the axis may shift a label.
  const offset = offsetAt(from, zone.name);
  const ticks: number[] = [];
  for (let t = Math.ceil((from + offset) / step) * step - offset; t <= to; t += step) ticks.push(t);
  return ticks;
}

/** The label of a time tick; the day is written where it changes. */
export function timeLabel(ms: number, step: number): string {
  if (step >= 86_400_000 || (ms + offsetAt(ms, zone.name)) % 86_400_000 === 0) return day(ms);
  if (step >= 60_000) return hourMinute(ms);
  return step >= 1000 ? clock(ms).slice(0, 8) : clock(ms);
}

/** Round ticks from 0 to at least `max`. */
export function valueTicks(min: number, max: number, count: number): number[] {
  const range = max - min || 1;
  const rough = range / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((s) => s * power).find((s) => s >= rough) ?? rough;
  const ticks: number[] = [];
  for (let i = Math.floor(min / step); i <= Math.ceil(max / step); i += 1) ticks.push(i * step);
  return ticks;
}
