import { describe, expect, it } from 'vitest';
import { ApiError } from './api';
import { lookupAddress, lookupLine, nameProblem, proposeField, proposeName, refusal } from './lookups';

const owners = { path: 'shared/owners', description: '', columns: (['name', 'team', 'pager no'] as const).map((name) => ({ name, type: 'string' as const })), keys: ['name'] };

describe('the line of a query', () => {
  it('adds what is not the key', () => expect(lookupLine(owners, ['function'])).toBe('| lookup team, %"pager no" from path://"/shared/owners" on name=function'));
  it('has the key for a field that is not said', () => expect(lookupLine(owners, [' '])).toMatch(/ on name=name$/));
  it('has all keys', () => expect(lookupLine({ ...owners, keys: ['Name', 'team'] }, ['function', 'region'])).toBe('| lookup %"pager no" from path://"/shared/owners" on Name=function, team=region'));
  it('takes the first column where there is no key', () => expect(lookupLine({ ...owners, keys: [] }, [])).toMatch(/^\| lookup team, .* on name=name$/));
  it('takes all columns where all are the key', () => expect(lookupLine({ ...owners, columns: owners.columns.slice(0, 1) }, [])).toMatch(/^\| lookup \* from/));
  it('can be searched with', () => expect(new URLSearchParams(lookupAddress('| lookup a').split('?')[1]).get('q')).toBe('* | lookup a'));
});

describe('a name', () => {
  it.each([['', 'needs'], ['a//b', 'path'], ['../x', 'path'], ['a "b"', 'quotes']])('%j is refused', (name, why) => expect(nameProblem(name)).toContain(why));
  it.each(['owners', '/shared/owners', 'Library/a b'])('%j is fine', (name) => expect(nameProblem(name)).toBeNull());
  it.each([['Team owners (2).CSV', 'shared/Team_owners_2_'], ['länder.csv', 'shared/länder'], ['.csv', 'shared/table']])('of %j is %j', (file, name) => expect(proposeName(file)).toBe(name));
});

describe('the field of a key', () => {
  const fields = [{ name: 'region', examples: ['eu-west-1'] }, { name: 'function', examples: ['checkout-api', 'auth'] }, { name: 'account' }];
  it('has its values', () => expect(proposeField('name', ['Checkout-API', 'billing'], fields)).toBe('function'));
  it('is called like it', () => expect(proposeField('Region', ['checkout-api'], fields)).toBe('region'));
  it('is its own name where nothing is known', () => expect(proposeField('name', [''], fields)).toBe('name'));
});

describe('a refusal', () => {
  const of = (message: string, code = 'lookup.invalid') => refusal(new ApiError(message, 400, [], code), ['name', 'pager']);
  const table = 'cannot use lookup table `shared/owners`: ';
  it('of the name', () => expect(of('there is a lookup table `/shared/owners` already', 'lookup.exists').at).toBe('name'));
  it('of a column', () => expect(of(`${table}\`x\` in row 1 is not of the type of column \`pager\` (int)`)).toEqual({ at: 'column', column: 'pager', message: '`x` in row 1 is not of the type of column `pager` (int)' }));
  it('of a column that the file has not', () => expect(of(`${table}the column \`team\` is missing; there are: name`).at).toBe('file'));
  it('of the key', () => expect(of(`${table}row 1 has no value for its key (name)`).at).toBe('key'));
  it('of anything else', () => expect(refusal(new Error('The server does not answer.'), []).at).toBe('file'));
});
