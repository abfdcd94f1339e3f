import { describe, expect, it } from 'vitest';
import { absolute, isRelative, parseRange, rangeFault, resolve } from './time';

const now = Date.UTC(2026, 10, 23, 14, 52, 0);
const at = (text: string) => {
  const range = parseRange(text, now);
  const resolved = range && resolve(range, now);
  return resolved && [new Date(resolved.from).toISOString().slice(0, 19), new Date(resolved.to).toISOString().slice(0, 19)].join(' ');
};

describe('a range that cannot be asked for', () => {
  it.each([
    ['banana', 'now', '“banana” is no time'],
    ['-1h', 'soon', '“soon” is no time'],
    ['banana', 'soon', '“banana” and “soon” are no time'],
    ['now', '-1h', 'ends (-1h) before it starts (now)'],
    ['2026-13-01', 'now', '“2026-13-01” is no time'],
  ])('%s to %s: %s', (from, to, words) => {
    expect(resolve({ from, to }, now)).toBeNull();
    expect(rangeFault({ from, to }, now)).toContain(words);
  });
});

describe('a typed range', () => {
  it.each([
    ['-15m', '2026-11-23T14:37:00 2026-11-23T14:52:00'],
    ['90m', '2026-11-23T13:22:00 2026-11-23T14:52:00'],
    ['−1h', '2026-11-23T13:52:00 2026-11-23T14:52:00'],
    ['-2h - -1h', '2026-11-23T12:52:00 2026-11-23T13:52:00'],
    ['-2h to now', '2026-11-23T12:52:00 2026-11-23T14:52:00'],
    ['today', '2026-11-23T00:00:00 2026-11-23T14:52:00'],
    ['yesterday', '2026-11-22T00:00:00 2026-11-23T00:00:00'],
    ['2026-11-23 09:00 - 10:00', '2026-11-23T09:00:00 2026-11-23T10:00:00'],
    ['2026-11-22 23:00 – 2026-11-23 01:00', '2026-11-22T23:00:00 2026-11-23T01:00:00'],
    ['09:00 - 10:30', '2026-11-23T09:00:00 2026-11-23T10:30:00'],
    ['2026-11-20', '2026-11-20T00:00:00 2026-11-21T00:00:00'],
    ['2026-11-23T09:00:00Z/2026-11-23T11:00:00+01:00', '2026-11-23T09:00:00 2026-11-23T10:00:00'],
    ['1795424400 - 1795428000', '2026-11-23T09:00:00 2026-11-23T10:00:00'],
    ['1795424400000, 1795428000000', '2026-11-23T09:00:00 2026-11-23T10:00:00'],
    ['{"from":1795424400000,"to":"2026-11-23T10:00:00Z"}', '2026-11-23T09:00:00 2026-11-23T10:00:00'],
  ])('%s is understood', (text, expected) => expect(at(text)).toBe(expected));

  it.each(['', 'soon', '10:00 - 09:00', '2026-02-30', '-0m', '{', '2026-11-23 25:99', '-15x'])('%j is refused', (text) => expect(at(text)).toBeNull());

  it('stays relative if it was', () => {
    expect(parseRange('-15m', now)).toEqual({ from: '-15m', to: 'now' });
    expect(isRelative({ from: '-15m', to: 'now' })).toBe(true);
    expect(isRelative(absolute({ from: 1, to: 2 }))).toBe(false);
  });

  it('keeps the day of a clock time after midnight has passed', () => {
    const range = parseRange('09:00 - 10:00', now)!;
    expect(resolve(range, now + 86_400_000)).toEqual(resolve(range, now));
  });
});
