import { describe, expect, it } from 'vitest';
import { fieldName, keywords, scopeEnd } from './query';

describe('the scope', () => {
  it('ends at a pipe outside quotes', () => expect(scopeEnd('"a|b" | c')).toBe(6));
  it('has words to mark', () => expect(keywords('_sourceCategory=x error* "two words" not bad and (good) | where y')).toEqual(['error', 'two words', 'good']));
});

describe('the name of a field', () => {
  it.each([['function', 'function'], ['customer.type', '%"customer.type"'], ['a"b', '%"a\\"b"']])('%s is written %s', (name, written) => expect(fieldName(name)).toBe(written));
});
