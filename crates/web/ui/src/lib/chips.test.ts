import { describe, expect, it } from 'vitest';
import { decodeChip, encodeChip, filters, onlyChip, passes, toggled, withChip, type Chip } from './chips';

const chip = (field: string, value: string, more: Partial<Chip> = {}): Chip => ({ field, value, isNot: false, isOff: false, isPinned: false, ...more });

describe('a chip in the address', () => {
  it.each([chip('level', 'DEBUG', { isNot: true }), chip('a:b!', 'x:y', { isOff: true, isPinned: true }), chip('customer.type', ''), chip('-odd*name-', 'x'), chip('ü %41', '100 % "🙂"\n')])('%j comes back as it was', (one) => expect(decodeChip(encodeChip(one))).toEqual(one));
  it.each(['', 'level', ':x', '!:x', '%:x'])('%j is none', (text) => expect(decodeChip(text)).toBeNull());
});

describe('filters', () => {
  it('turn round instead of standing twice', () => {
    const once = withChip([], 'level', 'INFO', false);
    expect(withChip(once, 'Level', 'INFO', true)).toEqual([chip('level', 'INFO', { isNot: true })]);
  });
  it('of one value take the place of the others of the field', () => {
    expect(onlyChip([chip('level', 'INFO'), chip('region', 'x'), chip('level', 'WARN', { isNot: true })], 'level', 'WARN')).toEqual([chip('region', 'x'), chip('level', 'WARN')]);
  });
  it('that are off are not asked', () => expect(filters([chip('a', '1', { isOff: true }), chip('b', '2', { isNot: true })])).toEqual([{ field: 'b', value: '2', negated: true }]));
  it('say which values pass', () => {
    const some = [chip('level', 'INFO'), chip('level', 'WARN'), chip('region', 'x', { isNot: true })];
    expect(['INFO', 'WARN', 'ERROR'].map((value) => passes(some, 'level', value))).toEqual([true, true, false]);
    expect([passes(some, 'region', 'x'), passes(some, 'region', 'y'), passes(some, 'other', 'z')]).toEqual([false, true, true]);
  });
  it('follow the ticks of a list of values', () => {
    const without = toggled([], 'level', 'DEBUG');
    expect(without).toEqual([chip('level', 'DEBUG', { isNot: true })]);
    expect(toggled(without, 'level', 'DEBUG')).toEqual([]);
    const two = toggled([chip('level', 'INFO')], 'level', 'WARN');
    expect(two).toEqual([chip('level', 'INFO'), chip('level', 'WARN')]);
    expect(toggled(two, 'level', 'INFO')).toEqual([chip('level', 'WARN')]);
    expect(toggled([chip('level', 'INFO')], 'level', 'INFO')).toEqual([chip('level', 'INFO', { isNot: true })]);
  });
});
