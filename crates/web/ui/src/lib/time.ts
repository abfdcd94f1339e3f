// Time ranges as people type them: `-15m`, `2026-11-23 09:00 - 10:00`, epoch, ISO, pasted JSON.
// They are read in the zone of the page; what the address keeps is UTC, so that a link means the same everywhere.
import { fromWall, offsetAt, UTC } from './zone.svelte';

export interface Range {
  /** As typed or `now`; relative ones stay relative. */
  from: string;
  to: string;
}

export interface Resolved {
  from: number;
  to: number;
}

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
export const RELATIVE = /^[-−]?(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)$/i;
const CLOCK = /^(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,3}))?)?$/;
const DAY = /^(\d{4})-(\d{2})-(\d{2})(?:[T ]+(.+?))?$/;

export const PRESETS: [label: string, text: string][] = [
  ['Last 15 minutes', '-15m'],
  ['Last 60 minutes', '-60m'],
  ['Last 3 hours', '-3h'],
  ['Last 24 hours', '-24h'],
  ['Last 7 days', '-7d'],
  ['Today', 'today'],
  ['Yesterday', 'yesterday'],
];

/** One end of a range in milliseconds, or null when it is not understood. */
export function resolveEnd(text: string, now: number, zone: string = UTC, day = now): number | null {
  const trimmed = text.trim();
  if (trimmed === '' || /^now$/i.test(trimmed)) return now;
  const relative = RELATIVE.exec(trimmed);
  if (relative) return now - Number(relative[1]) * (UNITS[relative[2]!.toLowerCase()] ?? 0);
  if (/^\d{9,}$/.test(trimmed)) return epoch(trimmed);
  if (/^today$/i.test(trimmed)) return startOfDay(now, zone);
  if (/^yesterday$/i.test(trimmed)) return startOfDay(startOfDay(now, zone) - 1, zone);
  const clock = clockMs(trimmed);
  if (clock !== null) return onDay(day, clock, zone);
  const date = DAY.exec(trimmed);
  if (!date) return null;
  const start = Date.UTC(Number(date[1]), Number(date[2]) - 1, Number(date[3]));
  if (new Date(start).toISOString().slice(0, 10) !== trimmed.slice(0, 10)) return null;
  if (!date[4]) return fromWall(start, zone);
  const isUtc = /\s*(Z|UTC)$/i.test(date[4]);
  const rest = date[4].replace(/\s*(Z|UTC)$/i, '');
  const offset = /^(.*?)([+-])(\d{2}):?(\d{2})$/.exec(rest);
  const time = clockMs((offset?.[1] ?? rest).trim());
  if (time === null) return null;
  if (offset) return start + time - (offset[2] === '-' ? -1 : 1) * (Number(offset[3]) * 60 + Number(offset[4])) * 60_000;
  return isUtc ? start + time : fromWall(start + time, zone);
}

/** Reads a whole range; null when it is not understood or ends before it starts. */
export function parseRange(text: string, now: number, zone: string = UTC): Range | null {
  const trimmed = text.trim();
  if (trimmed === '') return null;
  if (trimmed.startsWith('{')) return fromJson(trimmed, now, zone);
  if (/^yesterday$/i.test(trimmed)) return { from: 'yesterday', to: 'today' };
  const alone = resolveEnd(trimmed, now, zone);
  if (alone !== null) return checked({ from: settle(trimmed, alone, zone), to: endOf(trimmed, alone, zone) }, now, zone);
  for (const separator of [/\s+(?:-|–|—|to|until)\s+/i, /\s*(?:–|—|\.\.|\/)\s*/, /\s*,\s*/]) {
    const parts = trimmed.split(separator);
    if (parts.length === 2) return pair(parts[0]!, parts[1]!, now, zone);
  }
  return null;
}

/** A range of an address: dates are UTC, `today` is the zone's. */
export function resolve(range: Range, now: number, zone: string = UTC): Resolved | null {
  const { from, to } = ends(range, now, zone);
  return from === null || to === null || to <= from ? null : { from, to };
}

/** Both ends of a range of an address, each null when it is not understood. */
function ends(range: Range, now: number, zone: string): { from: number | null; to: number | null } {
  const end = (text: string, day: number) => resolveEnd(text, now, DAY.test(text.trim()) ? UTC : zone, day);
  const from = end(range.from, now);
  return { from, to: end(range.to, from ?? now) };
}

/** Why a range of an address cannot be asked for, and what can. */
export function rangeFault(range: Range, now: number, zone: string = UTC): string {
  const { from, to } = ends(range, now, zone);
  const unknown = [from === null ? range.from : '', to === null ? range.to : ''].filter(Boolean);
  if (!unknown.length) return `The range ends (${range.to}) before it starts (${range.from}).`;
  return `The range is not understood: ${unknown.map((end) => `“${end}”`).join(' and ')} ${unknown.length === 1 ? 'is' : 'are'} no time. Times are written as -15m, today or 2026-11-23 09:00.`;
}

/** True when the range moves with the clock. */
export function isRelative(range: Range): boolean {
  return /^(now|today|yesterday)$/i.test(range.to) || RELATIVE.test(range.to) || RELATIVE.test(range.from);
}

export function absolute(range: Resolved): Range {
  return { from: String(Math.round(range.from)), to: String(Math.round(range.to)) };
}

function pair(left: string, right: string, now: number, zone: string): Range | null {
  const from = resolveEnd(left, now, zone);
  if (from === null) return null;
  const to = resolveEnd(right, now, zone, from);
  if (to === null) return null;
  return checked({ from: settle(left, from, zone), to: settle(right, to, zone) }, now, zone);
}

/** A bare clock time belongs to the day of the start, and a date to its zone, so they are written out. */
function settle(text: string, value: number, zone: string): string {
  const trimmed = text.trim();
  return CLOCK.test(trimmed) || (zone !== UTC && DAY.test(trimmed)) ? String(value) : tidy(text);
}

function tidy(text: string): string {
  const trimmed = text.trim().replace(/^−/, '-').replace(/\s+/g, ' ');
  return RELATIVE.test(trimmed) && !trimmed.startsWith('-') ? `-${trimmed.replace(' ', '')}` : trimmed;
}

/** What a single time stands for: a day for a date, until now for all else. */
function endOf(text: string, from: number, zone: string): string {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) ? String(onDay(from, UNITS.d!, zone)) : 'now';
}

function fromJson(text: string, now: number, zone: string): Range | null {
  try {
    const value = JSON.parse(text) as Record<string, unknown>;
    const from = value.from ?? value.start;
    const to = value.to ?? value.end ?? 'now';
    return from === undefined ? null : pair(String(from), String(to), now, zone);
  } catch {
    return null;
  }
}

function checked(range: Range, now: number, zone: string): Range | null {
  return resolve(range, now, zone) ? range : null;
}

function epoch(digits: string): number {
  const value = Number(digits);
  if (digits.length <= 11) return value * 1000;
  if (digits.length <= 14) return value;
  return digits.length <= 17 ? value / 1000 : value / 1e6;
}

function clockMs(text: string): number | null {
  const match = CLOCK.exec(text);
  if (!match) return null;
  const [hours, minutes, seconds] = [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
  if (hours > 24 || minutes > 59 || seconds > 59) return null;
  return ((hours * 60 + minutes) * 60 + seconds) * 1000 + Number((match[4] ?? '').padEnd(3, '0'));
}

function startOfDay(ms: number, zone: string): number {
  return onDay(ms, 0, zone);
}

/** The moment when the clocks of the zone show `clock` on the day of `ms`. */
function onDay(ms: number, clock: number, zone: string): number {
  const wall = ms + offsetAt(ms, zone);
  return fromWall(Math.floor(wall / UNITS.d!) * UNITS.d! + clock, zone);
}
