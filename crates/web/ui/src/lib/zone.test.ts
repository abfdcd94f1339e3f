import { afterEach, describe, expect, it } from 'vitest';
import { clock, dayTime, span, timeTicks, typed } from './format';
import { parseRange, resolve } from './time';
import { fromWall, isZone, offsetAt, setZone } from './zone.svelte';

const HOUR = 3_600_000;
const BERLIN = 'Europe/Berlin';
const winter = Date.UTC(2026, 0, 15, 12);
const summer = Date.UTC(2026, 6, 15, 12);
afterEach(() => setZone('UTC'));

describe('a zone', () => {
  it('has its offset of the season', () => expect([offsetAt(winter, BERLIN), offsetAt(summer, BERLIN), offsetAt(summer, 'Asia/Kathmandu'), offsetAt(summer, 'UTC')]).toEqual([HOUR, 2 * HOUR, 5.75 * HOUR, 0]));
  it('changes in the very minute', () => {
    const change = Date.UTC(2026, 2, 29, 1);
    expect([offsetAt(change - 1, BERLIN), offsetAt(change, BERLIN)]).toEqual([HOUR, 2 * HOUR]);
  });
  it('reads its clocks back', () => {
    for (const ms of [winter, summer, Date.UTC(2026, 2, 29, 1, 30)]) expect(fromWall(ms + offsetAt(ms, BERLIN), BERLIN)).toBe(ms);
  });
  it('is known by its name only', () => expect(['UTC', BERLIN, 'Nowhere/Here', ''].map(isZone)).toEqual([true, true, false, false]));
  it('is in every time of the page', () => {
    setZone(BERLIN);
    expect([clock(winter), dayTime(winter), typed(winter), span(winter, winter + HOUR)]).toEqual(['13:00:00.000', '15 Jan 13:00:00', '2026-01-15 13:00:00', '13:00 – 14:00']);
    expect(timeTicks(winter, winter + 24 * HOUR, 3)[0]).toBe(winter - HOUR + 12 * HOUR);
  });
});

describe('a range typed in a zone', () => {
  const at = (text: string) => {
    const range = parseRange(text, summer, BERLIN)!;
    const { from, to } = resolve(range, summer, BERLIN)!;
    return [new Date(from).toISOString().slice(0, 16), new Date(to).toISOString().slice(0, 16)].join(' ');
  };
  it.each([
    ['2026-07-15 09:00 - 10:00', '2026-07-15T07:00 2026-07-15T08:00'],
    ['2026-07-15 09:00Z - 2026-07-15 10:00Z', '2026-07-15T09:00 2026-07-15T10:00'],
    ['today', '2026-07-14T22:00 2026-07-15T12:00'],
    ['yesterday', '2026-07-13T22:00 2026-07-14T22:00'],
    ['2026-03-29', '2026-03-28T23:00 2026-03-29T22:00'],
    ['-15m', '2026-07-15T11:45 2026-07-15T12:00'],
  ])('%s is understood', (text, expected) => expect(at(text)).toBe(expected));
  it('means the same in another zone', () => {
    const range = parseRange('2026-07-15 09:00 - 10:00', summer, BERLIN)!;
    expect(resolve(range, summer, 'Asia/Tokyo')).toEqual(resolve(range, summer, BERLIN));
  });
});
