import { describe, expect, it } from 'vitest';
import { fields, line, value } from './message';

const row = { _raw: '{"customer":{"type":"guest"},"items":[{"n":3}],"a.b":"dotted","none":null}', function: 'checkout-api', _messagetime: '1', region: '' };

describe('a value of a row', () => {
  it.each([['function', 'checkout-api'], ['Function', 'checkout-api'], ['customer.type', 'guest'], ['customer', '{"type":"guest"}'], ['items[0].n', '3'], ['a.b', 'dotted'], ['none', ''], ['nothing.there', '']])('%s is %j', (name, text) => expect(value(row, name)).toBe(text));
  it('of text without JSON is empty', () => expect(value({ _raw: 'plain' }, 'x')).toBe(''));
});

describe('a row', () => {
  it('has one line, without the end of the last', () => expect(line('a\r\n  b\n')).toBe('a ⏎ b'));
  it('lists fields that say something', () => expect(fields(row)).toEqual([['function', 'checkout-api']]));
});
