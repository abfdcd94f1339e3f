import { describe, expect, it } from 'vitest';
import { anchor, exampleAddress, itemOfMistake, search } from './help';

const item = (name: string, kind: string, summary = '') => ({ name, kind, summary, syntax: name, examples: [] });
const known = { operators: [item('parse', 'operator', 'Takes text out.'), item('parse regex', 'operator'), item('where', 'operator')], aggregates: [item('count', 'aggregate', 'Counts rows.')], functions: [item('toLong', 'function')], metrics: [] };

describe('help', () => {
  it('has a place for each item', () => expect([anchor(known.operators[1]!), anchor(known.functions[0]!)]).toEqual(['operator-parse-regex', 'function-tolong']));
  it('finds names before descriptions', () => expect(search([...known.aggregates, ...known.operators], 'parse').map((one) => one.name)).toEqual(['parse', 'parse regex']));
  it('finds descriptions', () => expect(search([...known.aggregates, ...known.operators], 'counts rows').map((one) => one.name)).toEqual(['count']));
  it('runs examples as they are', () => expect(exampleAddress('* | count by function', 'log')).toBe('/search?q=*+%7C+count+by+function&from=-60m&to=now'));
});

describe('a mistake', () => {
  const text = 'error | parse regex "(" | where x >';
  it('belongs to the operator of its stage', () => expect([22, text.length].map((at) => itemOfMistake(known, text, at)?.name)).toEqual(['parse regex', 'where']));
  it('of the scope belongs to none', () => expect(itemOfMistake(known, text, 3)).toBeNull());
});
