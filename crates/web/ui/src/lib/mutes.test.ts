import { describe, expect, it } from 'vitest';
import { matchersText, parseMatchers } from './mutes';

describe('matchers', () => {
  it('are read as Alertmanager writes them', () => {
    expect(parseMatchers('severity="critical", function=~"checkout-.*",team!=shop , region!~"eu-\\"x"')).toEqual([
      { name: 'severity', value: 'critical', isRegex: false, isEqual: true },
      { name: 'function', value: 'checkout-.*', isRegex: true, isEqual: true },
      { name: 'team', value: 'shop', isRegex: false, isEqual: false },
      { name: 'region', value: 'eu-"x', isRegex: true, isEqual: false },
    ]);
  });

  it('are written so that they are read again', () => {
    const text = 'severity="critical", function=~"a\\\\.b, c", team!="x\\"y"';
    expect(matchersText(parseMatchers(text))).toBe(text);
  });

  it('say what is wrong with them', () => {
    for (const [text, why] of [['', 'at least one'], ['checkout', 'no condition'], ['function=', 'no value'], ['a="b" c="d"', 'no condition'], ['a="b', 'no condition']] as const) {
      expect(() => parseMatchers(text)).toThrow(why);
    }
  });
});
