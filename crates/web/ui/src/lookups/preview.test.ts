import { describe, expect, it } from 'vitest';
import { fits, guessType, keyTrouble, misfit, parseCsv, preview, PREVIEW_BYTES_MAX, readPreview } from './preview';

const types = (text: string) => preview(text).columns.map((column) => column.type);

describe('records', () => {
  it('keep commas, quotes and lines that stand in quotes', () => expect(parseCsv('a,b\r\n"1, 2","say ""x""\nor not"\n')).toEqual([['a', 'b'], ['1, 2', 'say "x"\nor not']]));
  it('keep empty values, also the last', () => expect(parseCsv('a,b\n,\n1,')).toEqual([['a', 'b'], ['', ''], ['1', '']]));
  it('skip empty lines, but not an empty pair of quotes', () => expect(parseCsv('a\n\n\r\n1\n""\n')).toEqual([['a'], ['1'], ['']]));
  it('take quotes inside of a value as they are', () => expect(parseCsv('a\n5" pipe\n')).toEqual([['a'], ['5" pipe']]));
  it('of a part are those that are whole', () => expect(parseCsv('a,b\n1,2\n3,', false)).toEqual([['a', 'b'], ['1', '2']]));
  it('begin behind the mark of UTF-8', () => expect(parseCsv('\ufeffa\n1\n')[0]).toEqual(['a']));
});

describe('types', () => {
  it('are the narrowest that take every value', () => expect(types('flag,n,big,part,word\ntrue,1,4294967296,0.5,x\nFALSE,-2,1,3,4\n')).toEqual(['boolean', 'int', 'long', 'double', 'string']));
  it('do not look at missing values', () => expect(guessType(['', '7', ''])).toBe('int'));
  it('of a column without values are text', () => expect(guessType(['', ''])).toBe('string'));
  it.each([[['00501', '10001']], [['12', 'NaN']], [['9223372036854775808x']], [['2026-11-30']]])('of %s are text', (values) => expect(guessType(values)).toBe('string'));
  it('end where the server ends them', () => {
    expect([fits('int', '2147483647'), fits('int', '2147483648'), fits('int', '-2147483648')]).toEqual([true, false, true]);
    expect([fits('long', '9223372036854775807'), fits('long', '9223372036854775808'), fits('long', '1.0')]).toEqual([true, false, false]);
    expect([fits('double', '1e-3'), fits('double', '.5'), fits('double', '1,5'), fits('boolean', 'yes'), fits('int', ' 2 ')]).toEqual([true, true, false, false, true]);
  });
  it('that a value does not fit are told with the row', () => expect(misfit({ name: 'b', type: 'int' }, 1, [['x', '1'], ['y', 'two']])).toBe('“two” in row 2 is no int'));
});

describe('the key', () => {
  it('is the first column that tells rows apart', () => expect(preview('team,name,share\npay,a,0.1\npay,b,0.2\n').key).toBe('name'));
  it('may not differ in case alone', () => expect(preview('name,id\nA,1\na,2\n').key).toBe('id'));
  it('is none where values are missing or repeated', () => expect(preview('a,b\n1,x\n,x\n').key).toBeNull());
  it('is none without rows', () => expect(preview('a,b\n').key).toBeNull());
  it('tells which row misses it, and how many rows give way', () => {
    expect(keyTrouble(['a', 'b'], ['a', 'b'], [['x', '1'], ['X', '1'], ['x', '2']])).toEqual({ missing: null, lost: 1 });
    expect(keyTrouble(['a'], ['a', 'b'], [['x', '1'], ['', '1']])).toEqual({ missing: 2, lost: 0 });
    expect(keyTrouble([], ['a'], [['x'], ['x']])).toEqual({ missing: null, lost: 0 });
  });
});

describe('a file', () => {
  it.each([
    ['', /empty/],
    ['a;b\n1;2\n', /semicolons/],
    ['a,\n1,2\n', /Column 2 has no name/],
    ['a,B,b\n1,2,3\n', /Two columns are called b/],
    ['a,b\n1,2\n3\n', /Row 2 has 1 value, and there are 2 columns/],
  ])('%j is refused in words', (text, words) => expect(preview(text).problem).toMatch(words));
  it('that is fine has no problem', () => expect(preview('a,b\n1,2\n').problem).toBeNull());
  it('that is no UTF-8 is told', async () => expect((await readPreview(new Blob([new Uint8Array([0x50, 0x4b, 3, 4, 0xff, 0xfe])]))).problem).toMatch(/UTF-8/));
  it('that is long is read in part, also through a letter', async () => {
    const row = 'ä,1\n';
    const long = await readPreview(new Blob(['n,m\n', 'xyz,1\n', row.repeat(PREVIEW_BYTES_MAX / 5)]));
    expect([long.isWhole, long.problem, long.columns.map((column) => column.type)]).toEqual([false, null, ['string', 'int']]);
  });
});
