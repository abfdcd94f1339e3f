// Reading a message of a search: its time, level, function, text and JSON.
import type { Row } from './api';

export const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'] as const;
export type LevelName = (typeof LEVELS)[number];

/** Stacking order, calm below, and the tokens of each; `null` is an event without a level. */
export const LEVEL_COLOURS: Record<string, string> = {
  FATAL: 'var(--fatal-fill)',
  ERROR: 'var(--error-fill)',
  WARN: 'var(--warn-fill)',
  INFO: 'var(--info-fill)',
  DEBUG: 'var(--debug-fill)',
  TRACE: 'var(--debug-fill)',
  other: 'var(--line-strong)',
};

export function levelName(text: string | undefined): LevelName | 'other' {
  const upper = (text ?? '').toUpperCase();
  const alias: Record<string, LevelName> = { WARNING: 'WARN', CRITICAL: 'FATAL', ERR: 'ERROR', INFORMATION: 'INFO' };
  return LEVELS.find((level) => level === upper) ?? alias[upper] ?? 'other';
}

export const level = (row: Row) => levelName(row._level ?? row.level ?? row._loglevel);
export const text = (row: Row): string => row._raw ?? row.message ?? '';
export const time = (row: Row): number => Number(row._messagetime ?? Number.NaN);
export const receiptTime = (row: Row): number => Number(row._receipttime ?? Number.NaN);
export const functionName = (row: Row): string => row.function ?? row._sourcename ?? row._sourcehost ?? '';
export const version = (row: Row): string => row.version ?? '';
/** What tells a row from others in every search; `_messageid` is a place within one search. */
export const identity = (row: Row): string => `${row._messagetime ?? ''}|${row._sourcehost ?? ''}|${row._sourcename ?? ''}|${text(row)}`;

/** Parses a text that looks like JSON; undefined when it is none or is too large to show as a tree. */
export function json(source: string): unknown {
  const trimmed = source.trim();
  if (!/^[[{]/.test(trimmed) || trimmed.length > 262_144) return undefined;
  try {
    return JSON.parse(trimmed) as unknown;
  } catch {
    return undefined;
  }
}

const parsed = new WeakMap<Row, unknown>();

/** The message as JSON, parsed once a row. */
export function jsonOf(row: Row): unknown {
  if (!parsed.has(row)) parsed.set(row, json(text(row)));
  return parsed.get(row);
}

/** A field of a row: one that the server gave, or a path into the JSON of the message. */
export function value(row: Row, name: string): string {
  const lower = name.toLowerCase();
  const known = row[lower] ?? row[name];
  if (known !== undefined) return known;
  let inner = jsonOf(row);
  if (inner === undefined) return '';
  const whole = (inner as Record<string, unknown>)[name];
  if (whole === undefined) for (const key of name.split(/[.[\]]+/).filter(Boolean)) inner = inner === null || typeof inner !== 'object' ? undefined : (inner as Record<string, unknown>)[key];
  else inner = whole;
  return inner === undefined || inner === null ? '' : typeof inner === 'string' ? inner : JSON.stringify(inner);
}

/** Fields to list beside the message: all but the text itself and bookkeeping. */
export function fields(row: Row): [string, string][] {
  const hidden = new Set(['_raw', 'message', '_messagetime', '_receipttime', '_format', '_size', '_messagecount', '_messageid', '_blockid', '_view', '_collectorid', '_sourceid']);
  return Object.entries(row)
    .filter(([name, value]) => !hidden.has(name) && value !== '' && value !== null && value !== undefined)
    .sort(([a], [b]) => Number(a.startsWith('_')) - Number(b.startsWith('_')));
}

/** The first line of a text, capped, for a row of the list. */
export function line(source: string, cap = 4096): string {
  return source.slice(0, cap).trimEnd().replace(/\s*[\r\n]+\s*/g, ' ⏎ ');
}
