// How the sources are doing: their states in words, who needs somebody first, and what each brought.
import type { OriginStatus, SourceStatus } from './api';
import type { Mark } from './alerts';
import type { Found } from './dashboards';
import { duration } from './format';

/** A source that reads this far behind the present is behind; clouds deliver within a minute or two. */
const BEHIND_MS = 5 * 60_000;

export interface Trouble {
  mark: Mark;
  /** What is wrong, in a few words; empty when nothing is. */
  word: string;
}

/** What is wrong with a source now, if anything is. */
export function troubleOf(source: SourceStatus): Trouble {
  if (source.state === 'paused') return { mark: 'paused', word: 'paused' };
  if (source.state === 'failed') return { mark: 'failed', word: 'cannot start' };
  const failing = source.origins.filter((origin) => origin.last_error);
  if (source.state === 'retrying') return { mark: 'failed', word: 'failing' };
  if (source.state === 'waiting') return { mark: 'warning', word: 'waits for ingest' };
  if (failing.length) return { mark: 'warning', word: `${failing.length} of ${source.origins.length} failing` };
  if (source.lag_ms !== null && source.lag_ms > BEHIND_MS) return { mark: 'warning', word: `${duration(source.lag_ms)} behind` };
  if (source.state === 'starting') return { mark: 'pending', word: 'starting' };
  if (source.state === 'stopped') return { mark: 'paused', word: 'stopped' };
  return { mark: 'ok', word: '' };
}

/** How old something is: from a second on, parts of one say nothing. */
export const age = (ms: number) => (ms < 1000 ? '< 1 s' : ms < 60_000 ? `${Math.round(ms / 1000)} s` : duration(ms));

const URGENCY: Mark[] = ['failed', 'warning', 'pending', 'paused', 'ok'];

/** Those in trouble first, then those that bring most. */
export function bySourceTrouble(sources: SourceStatus[], volumes: Map<string, Volume>): SourceStatus[] {
  const urgency = (source: SourceStatus) => URGENCY.indexOf(troubleOf(source).mark);
  const total = (source: SourceStatus) => volumes.get(source.name)?.total ?? 0;
  return [...sources].sort((a, b) => urgency(a) - urgency(b) || total(b) - total(a) || a.name.localeCompare(b.name));
}

/** Origins with an error first, then the slowest, then those that brought most. */
export function byOriginTrouble(origins: OriginStatus[]): OriginStatus[] {
  const failing = (origin: OriginStatus) => (origin.last_error ? 0 : 1);
  return [...origins].sort((a, b) => failing(a) - failing(b) || (b.lag_ms ?? 0) - (a.lag_ms ?? 0) || b.events_total - a.events_total || a.name.localeCompare(b.name));
}

/** What a source brought: all of it, and slice by slice. */
export interface Volume {
  total: number;
  slices: number[];
}

/** The query that counts what each source brought. */
export const VOLUME_QUERY = (slice: string) => `* | timeslice ${slice} | count by _source, _timeslice`;

/** Reads the rows of that query over `count` slices from `from`; events without a source are left out. */
export function volumes(found: Found, from: number, sliceMs: number, count: number): Map<string, Volume> {
  const all = new Map<string, Volume>();
  for (const row of found.rows) {
    const name = row._source;
    if (!name) continue;
    const volume = all.get(name) ?? { total: 0, slices: new Array<number>(count).fill(0) };
    all.set(name, volume);
    const events = Number(row._count) || 0;
    const slice = Math.floor((Number(row._timeslice) - from) / sliceMs);
    volume.total += events;
    if (slice >= 0 && slice < count) volume.slices[slice]! += events;
  }
  return all;
}

const search = (q: string, from: string) => `/search?${new URLSearchParams({ q, from, to: 'now' })}`;
const ofSource = (name: string) => `_source="${name.replace(/["\\]/g, '\\$&')}"`;

/** The search that shows the events of a source. */
export const eventsAddress = (name: string) => search(ofSource(name), '-60m');

/** The search for what a source was given and could not read. */
export const deadLettersAddress = (name: string) => search(`_index=dead_letters ${ofSource(name)} | fields _messageTime, problem, payload_bytes, _raw`, '-24h');
