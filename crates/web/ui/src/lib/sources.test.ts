import { describe, expect, it } from 'vitest';
import type { OriginStatus, SourceStatus } from './api';
import { age, byOriginTrouble, bySourceTrouble, eventsAddress, troubleOf, volumes } from './sources';

const origin = (more: Partial<OriginStatus> = {}): OriginStatus => ({ origin: 'o', name: 'o', final_until: null, history_left_ms: 0, lag_ms: null, lateness_ms_p99: null, cost_usd_per_month: null, events_total: 0, last_error: null, ...more });
const source = (more: Partial<SourceStatus> = {}): SourceStatus => ({ name: 's', collector: 'sumo_http', kind: 'pushed', is_fixed: true, state: 'running', last_error: null, last_error_time: null, events_total: 0, events_repeated_total: 0, errors_total: 0, dead_letters_total: 0, throttles_total: 0, requests_per_second: null, cost_usd_per_month: null, lag_ms: null, lateness_ms_p99: null, origins: [], ...more });

describe('what is wrong with a source', () => {
  it('is nothing while it runs', () => expect(troubleOf(source({ last_error: 'long ago', lag_ms: 20_000 }))).toEqual({ mark: 'ok', word: '' }));
  it('is that it fails', () => expect(troubleOf(source({ state: 'retrying', lag_ms: 900_000 })).mark).toBe('failed'));
  it('is nothing to see to while it is paused', () => expect(troubleOf(source({ state: 'paused', lag_ms: 900_000, origins: [origin({ last_error: 'no' })] }))).toEqual({ mark: 'paused', word: 'paused' }));
  it('is that it cannot start', () => expect(troubleOf(source({ state: 'failed' }))).toEqual({ mark: 'failed', word: 'cannot start' }));
  it('is an origin that fails', () => expect(troubleOf(source({ origins: [origin({ last_error: 'no' }), origin()] }))).toEqual({ mark: 'warning', word: '1 of 2 failing' }));
  it('is that it is behind', () => expect(troubleOf(source({ lag_ms: 900_000 }))).toEqual({ mark: 'warning', word: '15 min behind' }));
});

describe('the order', () => {
  it('has trouble first, then volume, then the name', () => {
    const all = [source({ name: 'b' }), source({ name: 'a' }), source({ name: 'big' }), source({ name: 'late', lag_ms: 900_000 }), source({ name: 'bad', state: 'retrying' })];
    expect(bySourceTrouble(all, new Map([['big', { total: 9, slices: [] }]])).map(({ name }) => name)).toEqual(['bad', 'late', 'big', 'a', 'b']);
  });
  it('of origins has errors first, then the slowest', () => {
    const all = [origin({ name: 'quick', lag_ms: 1, events_total: 9 }), origin({ name: 'slow', lag_ms: 5 }), origin({ name: 'bad', last_error: 'no' })];
    expect(byOriginTrouble(all).map(({ name }) => name)).toEqual(['bad', 'slow', 'quick']);
  });
});

describe('what a source brought', () => {
  const row = (name: string, time: number, count: number) => ({ _source: name, _timeslice: String(time), _count: String(count) });
  const found = { fields: [], warnings: [], rows: [row('a', 1000, 2), row('a', 1020, 3), row('b', 1010, 4), row('', 1000, 9), row('a', 990, 1)] };
  it('is summed, and stands in its slice', () => expect(volumes(found, 1000, 10, 3).get('a')).toEqual({ total: 6, slices: [2, 0, 3] }));
  it('leaves out what has no source', () => expect([...volumes(found, 1000, 10, 3).keys()]).toEqual(['a', 'b']));
});

it('the search for its events quotes the name', () => expect(new URL(eventsAddress('my "x"'), 'http://h').searchParams.get('q')).toBe('_source="my \\"x\\""'));

it.each([[20, '< 1 s'], [9800, '10 s'], [60_000, '1 min'], [634_000, '10 min 34 s']])('%d ms are %s', (ms, text) => expect(age(ms)).toBe(text));
