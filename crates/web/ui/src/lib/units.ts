// Values as their unit wants them written.
import { bytes, compact, dayTime, decimal, duration } from './format';
import type { Unit } from './dashboards';

/** `12.3 %`: two decimals below 10, one above; all and nothing have none. */
export function percent(value: number): string {
  if (value === 0) return '0 %';
  if (Math.abs(value) < 0.01) return '<0.01 %';
  if (value === 100) return '100 %';
  const text = Math.abs(value) < 10 ? value.toFixed(2) : value.toFixed(1);
  return `${text.replace(/^-/, '−')} %`;
}

/** `$3.75`; small sums keep two digits that say something. */
export function usd(value: number): string {
  const size = Math.abs(value);
  const sign = value < 0 ? '−' : '';
  if (size === 0) return '$0';
  if (size < 0.0001) return `${sign}<$0.0001`;
  if (size < 1) return `${sign}$${size.toFixed(size < 0.01 ? 4 : size < 0.1 ? 3 : 2)}`;
  return `${sign}$${size < 10_000 ? size.toFixed(2).replace(/\B(?=(\d{3})+(?!\d))/g, ',') : compact(size)}`;
}

function milliseconds(value: number): string {
  if (Math.abs(value) < 10 && !Number.isInteger(value)) return `${decimal(Number(value.toPrecision(2)))} ms`;
  return value < 0 ? `−${duration(-value)}` : duration(value);
}

/** The value with its unit. */
export function shown(value: number | null, unit: Unit): string {
  if (value === null || !Number.isFinite(value)) return '–';
  switch (unit) {
    case 'percent':
      return percent(value);
    case 'ms':
      return milliseconds(value);
    case 'seconds':
      return milliseconds(value * 1000);
    case 'bytes':
      return value < 0 ? `−${bytes(-value)}` : bytes(value);
    case 'mb':
      return `${decimal(Math.round(value))} MB`;
    case 'usd':
      return usd(value);
    case 'time':
      return dayTime(value);
    default:
      return compact(value);
  }
}

/** The number and the word behind it, which is set smaller. */
export function parts(value: number | null, unit: Unit): [number: string, word: string] {
  const text = shown(value, unit);
  const match = /^(\S+) ([^\d].*)$/.exec(text);
  return match ? [match[1]!, match[2]!] : [text, ''];
}

/** The label of a tick: whole, and short. */
export function tick(value: number, unit: Unit): string {
  if (value === 0) return unit === 'usd' ? '$0' : '0';
  if (unit === 'percent') return `${decimal(Number(value.toPrecision(4)))} %`;
  if (unit === 'ms' || unit === 'seconds') {
    const ms = unit === 'seconds' ? value * 1000 : value;
    if (ms < 1000) return `${decimal(Number(ms.toPrecision(3)))} ms`;
    if (ms < 60_000) return `${decimal(Number((ms / 1000).toPrecision(3)))} s`;
  }
  return shown(unit === 'usd' ? Number(value.toPrecision(3)) : value, unit);
}

/** Beyond this, percent say less than the number itself. */
const SHARE_MAX = 1000;

/** How a value differs from an earlier one, in words. */
export function difference(value: number, before: number, unit: Unit): { text: string; sign: number } {
  const sign = Math.sign(value - before);
  const arrow = sign > 0 ? '▲' : sign < 0 ? '▼' : '=';
  if (sign === 0) return { text: 'as', sign };
  if (unit === 'percent') return { text: `${arrow} ${Math.abs(value - before).toFixed(2)} points`, sign };
  if (before === 0) return { text: `${arrow} from 0`, sign };
  const share = (Math.abs(value - before) / Math.abs(before)) * 100;
  return { text: share >= SHARE_MAX ? `${arrow} from ${shown(before, unit)}` : `${arrow} ${share < 10 ? share.toFixed(1) : Math.round(share)} %`, sign };
}

const SPANS: Record<string, string> = { m: 'minute', h: 'hour', d: 'day', w: 'week' };

/** What a panel compares with: `previous 1 h`, which a range of an hour follows, or `7 days earlier`. */
export function earlierName(compare: string, rangeMs: number): string {
  if (compare === 'range') return `previous ${duration(rangeMs)}`;
  const [, count, unit] = /^(\d+)([mhdw])$/.exec(compare) ?? [];
  return unit ? `${count} ${SPANS[unit]}${count === '1' ? '' : 's'} earlier` : `${compare} earlier`;
}

/** How a value differs from what it was, and when that was; without a value then, only that there was none. */
export function comparison(value: number | null, was: number | null, unit: Unit, compare: string, rangeMs: number): { change: string; rest: string; sign: number } {
  const name = earlierName(compare, rangeMs);
  const then = compare === 'range' ? `in ${name}` : name;
  if (was === null) return { change: '', rest: `none ${then}`, sign: 0 };
  if (value === null) return { change: '', rest: `${shown(was, unit)} ${then}`, sign: 0 };
  const { text, sign } = difference(value, was, unit);
  if (sign === 0) return { change: '', rest: `as ${then}`, sign };
  const isFrom = text.includes('from');
  return { change: text, rest: isFrom ? (compare === 'range' ? ` ${then}` : `, ${then}`) : ` vs ${name}`, sign };
}
