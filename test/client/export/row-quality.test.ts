import { expect, test } from 'vitest';
import type { ValuedRows } from '../../../activities/selection/values-columns.ts';
import { badLosses, lossPercentiles, taskQualities } from '../../../client/export/row-quality.ts';

/** Rows of two tasks, answers of one token. */
function rowsOf(taskIndex: readonly number[], loss: readonly number[]): ValuedRows {
  const zeros = new Float64Array(loss.length);
  return {
    rowIndex: Uint32Array.from(loss.keys(), (place) => 10 * place),
    contentHash: new Uint8Array(32 * loss.length),
    taskIndex: Uint32Array.from(taskIndex),
    columns: {
      instance_value: zeros,
      gradient_norm: zeros,
      loss: Float64Array.from(loss),
      supervised_token_count: new Uint32Array(loss.length).fill(1),
      el2n: zeros,
    },
  };
}

test('the percentile of a loss is the share of its task’s rows that are not higher, ties alike', () => {
  const rows = rowsOf([0, 1, 0, 0, 0, 1], [3, 9, 1, 3, 2, 9]);
  expect([...lossPercentiles(rows, 2)]).toEqual([1, 1, 0.25, 1, 0.5, 1]);
});

test('a loss is bad above ln 2C, and not known of warm-up rows and open-ended tasks', () => {
  // ln 4 = 1.386.
  const rows = rowsOf([0, 0, 0, 1], [1.38, 1.39, 9, 9]);
  expect(badLosses(rows, [2, null], Uint8Array.of(0, 0, 1, 0))).toEqual([false, true, null, null]);
});

test('a task is told by shares of its rows, and by its largest groups', () => {
  const rows = rowsOf([0, 0, 0, 0, 0, 1], [1, 1, 1, 1, 1, 1]);
  const found = taskQualities({
    tasks: ['name', 'tell'],
    rows,
    lossPercentile: new Float64Array(6).fill(1),
    isBadLoss: [true, false, false, null, false, null],
    copyOf: Uint32Array.of(0, 0, 2, 2, 2, 5),
    groupSize: Uint32Array.of(2, 2, 3, 3, 3, 1),
  });
  expect(found).toEqual([
    {
      task: 'name',
      rowCount: 5,
      suspectShare: 0.25,
      copyShare: 0.6,
      groups: [
        { rowIndex: 20, rowCount: 3 },
        { rowIndex: 0, rowCount: 2 },
      ],
    },
    { task: 'tell', rowCount: 1, suspectShare: null, copyShare: 0, groups: [] },
  ]);
});
