import { describe, expect, it } from 'vitest';
import { ago, bytes, clock, compact, decimal, duration, integer, span, timeTicks, typed, valueTicks } from './format';

const time = Date.UTC(2026, 10, 23, 14, 51, 58, 806);

describe('numbers', () => {
  it.each([[0, '0'], [999, '999'], [19_695, '19,695'], [-1234, '−1,234']])('integer %d', (value, text) => expect(integer(value)).toBe(text));
  it.each([[9_999, '9,999'], [10_000, '10 k'], [1_040_000, '1.04 M'], [2.5, '2.5']])('compact %d', (value, text) => expect(compact(value)).toBe(text));
  it.each([[11.84, '11.84'], [0.1234, '0.1234'], [412.08, '412.1'], [12345.6, '12,346'], [-0.5, '−0.5']])('decimal %d', (value, text) => expect(decimal(value)).toBe(text));
  it.each([[0, '0 B'], [31e6, '31 MB'], [1234, '1.23 kB'], [1e9, '1 GB']])('bytes %d', (value, text) => expect(bytes(value)).toBe(text));
});

describe('times', () => {
  it.each([[412, '412 ms'], [9999, '9,999 ms'], [12_300, '12.3 s'], [134_000, '2 min 14 s'], [3_600_000, '1 h'], [90_000_000, '1 d 1 h']])('duration %d', (value, text) => expect(duration(value)).toBe(text));
  it('says how long ago', () => expect([6000, 2_460_000, -5].map(ago)).toEqual(['6 s ago', '41 min ago', 'just now']));
  it('writes the clock', () => expect(clock(time)).toBe('14:51:58.806'));
  it('writes what the time picker reads', () => expect(typed(time)).toBe('2026-11-23 14:51:58.806'));
  it('names days only when they differ', () => {
    expect(span(time - 3_600_000, time)).toBe('13:51 – 14:51');
    expect(span(time - 86_400_000, time)).toBe('22 Nov 14:51 – 23 Nov 14:51');
  });
});

describe('axes', () => {
  it('start at zero and end above the top', () => expect(valueTicks(0, 437, 4)).toEqual([0, 200, 400, 600]));
  it('have few round times', () => {
    const ticks = timeTicks(time - 900_000, time, 8);
    expect(ticks.length).toBeLessThanOrEqual(8);
    expect(ticks.every((tick) => tick % 60_000 === 0)).toBe(true);
  });
  it('do not hang on an empty range', () => expect(timeTicks(5, 5, 8).length).toBeLessThanOrEqual(1));
});
