import { describe, expect, it } from 'vitest';
import { decodeSearch, encodeSearch, rowKey, type SearchState } from './url';

const full: SearchState = {
  query: '_sourceCategory=aws/lambda "a & b" ü 🙂 100%\n| where x != "1+1=2"',
  range: { from: '2026-11-23 09:00', to: 'now' },
  tab: 'aggregates',
  chart: 'pie',
  rows: [rowKey(12, 'first'), rowKey(900_000, 'second')],
};

describe('the address of a search', () => {
  it('comes back as it was', () => expect(decodeSearch(encodeSearch(full))).toEqual(full));
  it('survives being opened by a browser', () => expect(decodeSearch(new URL(encodeSearch(full), 'http://localhost/search').search)).toEqual(full));
  it('has defaults', () => expect(decodeSearch('')).toEqual({ query: '*', range: { from: '-15m', to: 'now' }, tab: null, chart: null, rows: [] }));
  it('ignores what it does not know', () => expect(decodeSearch('?tab=x&chart=y&row=a,1.b,2')).toMatchObject({ tab: null, chart: null, rows: ['1.b'] }));
  it('keeps an empty query empty', () => expect(decodeSearch('?q=').query).toBe(''));
});

describe('the key of a row', () => {
  it('tells rows apart', () => expect(rowKey(1, 'a')).not.toBe(rowKey(1, 'b')));
  it('is stable', () => expect(rowKey(3, 'x')).toBe(rowKey(3, 'x')));
});
