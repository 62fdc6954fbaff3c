// Where the page is, in its address.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { changed, formatRoute, linkTo, parseRoute } from '../../../page/app/logic/route.ts';
import type { Route } from '../../../page/app/logic/route.ts';

test('nothing is the list of runs', () => {
  for (const hash of ['', '#', '#/', '#/runs', '#//']) expect(parseRoute(hash).place).toEqual({ view: 'runs' });
});

test('a path is a view, and a query its values', () => {
  expect(parseRoute('#/runs/mix-15/rows?task=ocr&order=down')).toEqual({
    place: { view: 'rows', runName: 'mix-15' },
    values: { task: 'ocr', order: 'down' },
  });
  expect(parseRoute('#/runs/a/what-if').place).toEqual({ view: 'what-if', runName: 'a' });
  expect(parseRoute('#/compare?left=a').values).toEqual({ left: 'a' });
});

test('what is no view is said to be unknown', () => {
  for (const hash of ['#/elsewhere', '#/runs/a/b', '#/runs/a/rows/c', '#/start/x', '#/runs/a/toString'])
    expect(parseRoute(hash).place.view).toBe('unknown');
});

test('a broken encoding is taken as it is', () => {
  expect(parseRoute('#/runs/%E0%A4%A').place).toEqual({ view: 'run', runName: '%E0%A4%A' });
});

test('a route is the same after it was an address', () => {
  const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 });
  const place = fc.oneof(
    fc.constantFrom<Route['place']>({ view: 'runs' }, { view: 'compare' }, { view: 'start' }),
    fc.record({ view: fc.constantFrom('run' as const, 'rows' as const, 'what-if' as const), runName: text }),
  );
  const values = fc.dictionary(text, text, { noNullPrototype: true });
  fc.assert(
    fc.property(place, values, (where, said) => {
      const route = { place: where, values: said } as Route;
      expect(parseRoute(formatRoute(route))).toEqual(route);
    }),
  );
});

test('empty values are left out of addresses', () => {
  expect(linkTo({ view: 'runs' }, { text: '', state: 'done' })).toBe('#/runs?state=done');
  expect(changed({ task: 'ocr', row: '4' }, { row: '', show: 'gallery' })).toEqual({ task: 'ocr', show: 'gallery' });
});
