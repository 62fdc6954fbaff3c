// Filters of rows between the address and the server.
import { expect, test } from 'vitest';
import {
  conditionsOf,
  filterCount,
  nextSort,
  numberOf,
  rowFilter,
  rowParameters,
} from '../../../page/app/logic/row-query.ts';

test('the address gives a filter, and what is none in it is left out', () => {
  expect(rowFilter({ task: 'ocr', state: 'selected', sort: 'loss', order: 'down', leastLoss: '0,5' })).toEqual({
    task: 'ocr',
    state: 'selected',
    sort: 'loss',
    descending: true,
    leastLoss: 0.5,
  });
  expect(rowFilter({ task: '', state: 'lost', sort: 'colour', mostNorm: 'many', show: 'gallery', row: '4' })).toEqual(
    {},
  );
});

test('a number is read as people write it', () => {
  expect(numberOf('1e-3')).toBe(0.001);
  expect(numberOf(' −0,25 ')).toBe(-0.25);
  for (const text of [undefined, '', ' ', 'x', 'Infinity', 'NaN']) expect(numberOf(text)).toBeNull();
});

test('equal filters give equal questions, whatever the order of their keys', () => {
  const one = rowParameters({ task: 'a b', leastLoss: 1, sort: 'loss' }, 200, 100);
  expect(one).toBe(rowParameters({ sort: 'loss', leastLoss: 1, task: 'a b' }, 200, 100));
  expect(Object.fromEntries(new URLSearchParams(one))).toEqual({
    offset: '200',
    limit: '100',
    leastLoss: '1',
    sort: 'loss',
    task: 'a b',
  });
});

test('what a filter asks of rows is without their order', () => {
  expect(conditionsOf({ task: 'a', sort: 'loss', descending: true, leastLoss: 0 })).toEqual({
    task: 'a',
    leastLoss: 0,
  });
});

test('a heading sorts down, then up, then not', () => {
  const first = nextSort({}, 'loss');
  expect(first).toEqual({ sort: 'loss', order: 'down' });
  const second = nextSort(rowFilter(first), 'loss');
  expect(second).toEqual({ sort: 'loss', order: '' });
  expect(nextSort(rowFilter(second), 'loss')).toEqual({ sort: '', order: '' });
  expect(nextSort(rowFilter(first), 'norm')).toEqual({ sort: 'norm', order: 'down' });
});

test('rows by their number begin upwards', () => {
  expect(nextSort({}, 'row')).toEqual({ sort: 'row', order: '' });
  expect(nextSort({ sort: 'row' }, 'row')).toEqual({ sort: 'row', order: 'down' });
});

test('filters are counted, the sorting is none', () => {
  expect(filterCount({ task: 'a', leastLoss: '1', reason: '', sort: 'loss', row: '3' })).toBe(2);
});
