import { describe, expect, it } from 'vitest';
import { part, reasons, verdict } from './explain';

const segment = (id: string, pages: number, pagesRead: number, why: string) => ({ id, rows: pages * 2048, bytes: 1, pages, pagesRead, why });
const scan = (segments: ReturnType<typeof segment>[], asked = 'error', memoryRows = 0) => ({ table: 'events', asked, segments, memoryRows });

describe('an explanation', () => {
  it('puts segments with one reason together, whatever their numbers', () => {
    const shares = reasons(scan([segment('a', 10, 1, 'index: 1 of 10 pages'), segment('b', 20, 3, 'index: 3 of 20 pages'), segment('c', 5, 5, 'no index')]));
    expect(shares.map(({ why, segments, pages, pagesRead }) => [why, segments, pages, pagesRead])).toEqual([['index: … of … pages', 2, 30, 4], ['no index', 1, 5, 5]]);
  });
  it('keeps the numbers of a lone segment', () => expect(reasons(scan([segment('a', 10, 1, 'index: 1 of 10 pages')]))[0]!.why).toBe('index: 1 of 10 pages'));
  it('knows the part that is read', () => expect([part([]), part([segment('a', 8, 2, '')])]).toEqual([0, 0.25]));
  it.each([
    [scan([], '', 5), /in memory/],
    [scan([segment('a', 10, 0, '')]), /Nothing has to be read/],
    [scan([segment('a', 100, 5, '')]), /^Fast/],
    [scan([segment('a', 10, 10, '')], ''), /no word/],
    [scan([segment('a', 10, 10, '')]), /most pages/],
  ])('says it in a sentence', (one, sentence) => expect(verdict(one)).toMatch(sentence));
});
