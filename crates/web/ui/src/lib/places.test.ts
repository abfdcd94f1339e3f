import { expect, it } from 'vitest';
import { placeOf } from './places';

it.each([
  ['/', 'home', null],
  ['/search', 'search', null],
  ['/search/', 'search', null],
  ['/dashboards', 'dashboards', null],
  ['/dashboards/aws-lambda/overview', 'dashboards', 'aws-lambda/overview'],
  ['/lookup-tables', 'lookups', null],
  ['/alerts/a%2Fb', 'alerts', 'a/b'],
  ['/alerts/%E0%A4%A', 'unknown', null],
  ['/dashboards/aws-lambda', 'unknown', null],
  ['/searchs', 'unknown', null],
  ['/toString', 'unknown', null],
  ['//', 'home', null],
])('%s is %s', (path, page, id) => expect(placeOf(path)).toEqual({ page, id }));
