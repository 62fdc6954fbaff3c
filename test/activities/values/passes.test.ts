import { expect, test } from 'vitest';
import { splitFiles, threadCountFor } from '../../../activities/values/passes.ts';
import type { GradientFile } from '../../../tables/gradients.ts';

const files = (...rowCounts: number[]): GradientFile[] =>
  rowCounts.map((rowCount, index) => ({
    uri: 'artifacts/gradients/a',
    file: { name: `shard-${index}`, sha256: '', byteCount: rowCount * 1024 * 1024, rowCount },
    storage: 'int8',
  }));

test.each([
  [
    [10, 10, 10, 10],
    2,
    [
      [10, 10],
      [10, 10],
    ],
  ],
  [[30, 10, 10, 10], 2, [[30], [10, 10, 10]]],
  [[10, 10, 10], 2, [[10], [10, 10]]],
  [[100, 1, 1], 3, [[100], [1, 1]]],
  [[7], 4, [[7]]],
])('shards of %j rows are shared by %i threads as %j', (rowCounts, threadCount, wanted) => {
  const parts = splitFiles(files(...rowCounts), threadCount);
  expect(parts.map((part) => part.map(({ file }) => file.rowCount))).toEqual(wanted);
});

test('small tables get no threads, and no table more than it has shards or the environment says', () => {
  const count = (rowCounts: number[], environment = {}): number =>
    threadCountFor({ sketch: 8, files: files(...rowCounts) }, environment);
  expect(count([20, 20, 20])).toBe(1);
  expect(count([1000])).toBe(1);
  expect(count([1, 1, 1], { TIVE_VALUES_THREADS: '2' })).toBe(2);
  expect(count([1, 1, 1], { TIVE_VALUES_THREADS: '9' })).toBe(3);
  expect(count([1, 1, 1], { TIVE_VALUES_THREADS: '0' })).toBe(1);
});
