import { expect, test } from 'vitest';
import { decodeAddress, encodeAddress, newDashboard, titleIn } from './dashboards';
import { difference, parts, shown } from './units';

test.each([
  ['AWS Lambda: cost', 'Cost'],
  ['AWS Lambda: ', 'AWS Lambda: '],
  ['AWS Lambda cost', 'AWS Lambda cost'],
  ['Cost', 'Cost'],
])('%s is listed in AWS Lambda as %s', (title, listed) => expect(titleIn({ title: 'AWS Lambda' }, { title })).toBe(listed));

test('the address holds range, choices, refresh and panel', () => {
  const address = { range: { from: '-3h', to: 'now' }, choices: { function: ['a', 'b&c'], cloud: [] }, zone: 'Europe/Berlin', refresh: 0, panel: 'errors', isEdited: true };
  const text = encodeAddress(address);
  expect(decodeAddress(text)).toEqual({ ...address, choices: { function: ['a', 'b&c'], cloud: ['*'] } });
  expect(encodeAddress(decodeAddress(''))).toBe('');
});

test('units write values as people read them', () => {
  expect([shown(0.004, 'percent'), shown(2.027, 'percent'), shown(13.11, 'percent')]).toEqual(['<0.01 %', '2.03 %', '13.1 %']);
  expect([shown(486, 'ms'), shown(44.7, 'seconds'), shown(1024, 'mb')]).toEqual(['486 ms', '44.7 s', '1,024 MB']);
  expect([shown(0.0018, 'usd'), shown(3.751, 'usd'), shown(1234.5, 'usd')]).toEqual(['$0.0018', '$3.75', '$1,234.50']);
  expect(shown(null, 'number')).toBe('–');
  expect(parts(36_500, 'number')).toEqual(['36.5', 'k']);
});

test('a change is told in what it is best told in', () => {
  expect(difference(2.5, 2, 'percent')).toEqual({ text: '▲ 0.50 points', sign: 1 });
  expect(difference(90, 100, 'ms')).toEqual({ text: '▼ 10 %', sign: -1 });
  expect(difference(5000, 35, 'number')).toEqual({ text: '▲ from 35', sign: 1 });
  expect(difference(3, 0, 'number').text).toBe('▲ from 0');
});

test('a new dashboard has an id that can be a file, and is not taken', () => {
  expect(newDashboard('Käse & Orders!', []).id).toBe('own/kase-orders');
  expect(newDashboard('Orders', ['own/orders', 'own/orders-2']).id).toBe('own/orders-3');
  expect(newDashboard('…', []).id).toBe('own/dashboard');
});
