// Which runs are listed, and in which order.
import { expect, test } from 'vitest';
import { countsByState, runListQuery, runsOf } from '../../../page/app/logic/run-list.ts';
import { FAKE_RUNS } from '../../../page/app/fake/fake-runs.ts';

const namesOf = (values: Record<string, string>): string[] =>
  runsOf(FAKE_RUNS, runListQuery(values)).map(({ runName }) => runName);

test('the newest run comes first, equal ones by name', () => {
  expect(namesOf({})).toEqual([
    'mix-at-work',
    'mix-in-training',
    'mix-held',
    'bad-picture-folder',
    'demo-seeds',
    'half-way',
    'mix-15-percent',
  ]);
});

test('a text is looked for in name, dataset, method and verdict, case folded', () => {
  expect(namesOf({ text: ' MIX-' })).toEqual(['mix-at-work', 'mix-in-training', 'mix-held', 'mix-15-percent']);
  expect(namesOf({ text: 'demo' })).toEqual(['demo-seeds']);
  expect(namesOf({ text: 'random' })).toEqual(['half-way']);
  expect(namesOf({ text: 'within chance', sort: 'name' })).toEqual(['demo-seeds', 'mix-15-percent']);
});

test('a state keeps the runs that are in it, and an unknown one keeps all', () => {
  expect(namesOf({ state: 'waiting' })).toEqual(['mix-held']);
  expect(namesOf({ state: 'lost' })).toHaveLength(FAKE_RUNS.length);
});

test('an order is turned round', () => {
  const up = namesOf({ sort: 'name' });
  expect(up).toEqual([...up].sort());
  expect(namesOf({ sort: 'name', order: 'down' })).toEqual([...up].reverse());
  expect(namesOf({ sort: 'state' })[0]).toBe('mix-held');
  expect(namesOf({ sort: 'share' }).at(-1)).toBe('bad-picture-folder');
});

test('states that no run is in are not counted', () => {
  expect(countsByState(FAKE_RUNS)).toEqual([
    { state: 'waiting', count: 1 },
    { state: 'running', count: 2 },
    { state: 'failed', count: 1 },
    { state: 'stopped', count: 1 },
    { state: 'done', count: 2 },
  ]);
});
