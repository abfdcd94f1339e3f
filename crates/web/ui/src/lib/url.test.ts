import { describe, expect, it } from 'vitest';
import { decodeSearch, encodeSearch, isSameSearch, rowKey, type SearchState } from './url';

const full: SearchState = {
  mode: 'sql',
  query: '_sourceCategory=aws/lambda "a & b" ü 🙂 100%\n| where x != "1+1=2"',
  chips: [
    { field: 'level', value: 'DEBUG', isNot: true, isOff: false, isPinned: false },
    { field: 'customer.type', value: 'a,b & "c": d', isNot: false, isOff: true, isPinned: true },
  ],
  range: { from: '2026-11-23 09:00', to: 'now' },
  zone: 'Europe/Berlin',
  tab: 'aggregates',
  chart: 'pie',
  columns: ['message', 'a,b', 'customer.type', 'ü&?'],
  isWrapped: true,
  isPretty: true,
  rows: [rowKey(12, 'first'), rowKey(900_000, 'second')],
};
const plain = decodeSearch('');

describe('the address of a search', () => {
  it('comes back as it was', () => expect(decodeSearch(encodeSearch(full))).toEqual(full));
  it('survives being opened by a browser', () => expect(decodeSearch(new URL(encodeSearch(full), 'http://localhost/search').search)).toEqual(full));
  it('has defaults', () =>
    expect(plain).toEqual({ mode: 'log', query: '*', chips: [], range: { from: '-15m', to: 'now' }, zone: null, tab: null, chart: null, columns: ['function', 'message'], isWrapped: false, isPretty: false, rows: [] }));
  it('says only what is not usual', () => expect(encodeSearch(plain)).toBe('?q=*&from=-15m&to=now'));
  it('ignores what it does not know', () => expect(decodeSearch('?tab=x&chart=y&row=a,1.b,2&mode=z&is=nothing&cols=%25')).toEqual({ ...plain, rows: ['1.b'] }));
  it('keeps an empty query empty', () => expect(decodeSearch('?q=').query).toBe(''));
  it('asks the same with a filter that is off, and with other columns', () => {
    const off = { ...plain, chips: [{ field: 'a', value: 'b', isNot: false, isOff: true, isPinned: false }], columns: ['message'] };
    expect(isSameSearch(plain, off)).toBe(true);
    expect(isSameSearch(plain, { ...off, chips: [{ ...off.chips[0]!, isOff: false }] })).toBe(false);
  });
});

describe('the key of a row', () => {
  it('tells rows apart', () => expect(rowKey(1, 'a')).not.toBe(rowKey(1, 'b')));
  it('is stable', () => expect(rowKey(3, 'x')).toBe(rowKey(3, 'x')));
});
