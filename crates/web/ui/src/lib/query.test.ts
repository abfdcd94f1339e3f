import { describe, expect, it } from 'vitest';
import { keywords, markWords, scopeEnd, withFilter } from './query';

describe('a filter on a value', () => {
  it('replaces an empty scope', () => expect(withFilter('*', 'function', 'checkout-api', false)).toBe('function=checkout-api'));
  it('joins the scope', () => expect(withFilter('error\n| count by level', 'region', 'eu-west-1', true)).toBe('error !region=eu-west-1\n| count by level'));
  it('keeps alternatives together', () => expect(withFilter('a or b', 'level', 'ERROR', false)).toBe('(a or b) level=ERROR'));
  it('quotes', () => expect(withFilter('*', 'function', 'a "b"', false)).toBe('function="a \\"b\\""'));
  it('of another field is a condition', () => expect(withFilter('x | count', 'customer.type', 'guest', false)).toBe('x\n| where %"customer.type" = "guest"\n| count'));
});

describe('the scope', () => {
  it('ends at a pipe outside quotes', () => expect(scopeEnd('"a|b" | c')).toBe(6));
  it('has words to mark', () => expect(keywords('_sourceCategory=x error* "two words" not bad and (good) | where y')).toEqual(['error', 'two words', 'good']));
  it('marks them in a text', () => expect(markWords('An ERROR.', ['error'])).toEqual([{ text: 'An ', isHit: false }, { text: 'ERROR', isHit: true }, { text: '.', isHit: false }]));
});
