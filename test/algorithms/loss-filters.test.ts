import { describe, expect, test } from 'vitest';
import { answerCountOf, cutLosses, guardLosses } from '../../algorithms/loss-filters.ts';
import type { LossRows } from '../../algorithms/loss-filters.ts';
import { toColumns } from './sampled-rows.ts';
import type { ExampleRow } from './sampled-rows.ts';

/** Task 0: answers of two tokens, task 1: of one; losses 0.1, 0.2, … */
const EXAMPLES: ExampleRow[] = Array.from({ length: 40 }, (_, index) => ({
  content: `${index}`,
  rowIndex: index,
  taskIndex: index < 20 ? 0 : 1,
  loss: (1 + (index % 20)) / 10,
  supervisedTokenCount: index < 20 ? 2 : 1,
}));

function rowsOf(examples: readonly ExampleRow[]): LossRows {
  const { columns, ...rows } = toColumns(examples);
  return { ...rows, loss: columns.loss, supervisedTokenCount: columns.supervised_token_count };
}

const marked = (marks: Uint8Array): number[] => [...marks.keys()].filter((row) => marks[row] === 1);

describe('the loss guard', () => {
  const rows = rowsOf(EXAMPLES);
  const unseen = new Uint8Array(EXAMPLES.length);

  test('leaves out losses of the whole answer above ln 2C where they are many', () => {
    // ln 8 = 2.079: in task 0 2·L > 2.079 from 1.1 on, which ten rows have; in task 1 L > ln 4 = 1.386 seven.
    const { dropped, badShares } = guardLosses(rows, { answerCounts: [4, 2], isWarmup: unseen, limit: 0.4 });
    expect(badShares).toEqual([0.5, 0.35]);
    expect(marked(dropped)).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
  });

  test('does not fire at the limit itself, and at 0 leaves out every bad loss', () => {
    const at = (limit: number) =>
      marked(guardLosses(rows, { answerCounts: [4, 2], isWarmup: unseen, limit }).dropped).length;
    expect([at(0.5), at(0.35), at(0)]).toEqual([0, 10, 17]);
  });

  test('neither counts nor leaves out rows that the reference model has seen', () => {
    const isWarmup = unseen.map((_, row) => (row >= 10 && row < 18 ? 1 : 0));
    const { dropped, badShares } = guardLosses(rows, { answerCounts: [4, 2], isWarmup, limit: 0.1 });
    expect(badShares[0]).toBe(2 / 12);
    expect(marked(dropped).filter((row) => row < 20)).toEqual([18, 19]);
  });

  test('leaves a task alone whose chance is not known', () => {
    const { dropped, badShares } = guardLosses(rows, { answerCounts: [null, 2], isWarmup: unseen, limit: 0 });
    expect(badShares).toEqual([null, 0.35]);
    expect(marked(dropped).every((row) => row >= 20)).toBe(true);
  });
});

describe('the loss cut', () => {
  test('leaves out the highest losses of each task, whatever the order of the rows', () => {
    expect(marked(cutLosses(rowsOf(EXAMPLES), ['a', 'b'], 0.15))).toEqual([17, 18, 19, 37, 38, 39]);
    const level = EXAMPLES.map((row) => ({ ...row, loss: 1 }));
    const contents = (examples: readonly ExampleRow[]) =>
      marked(cutLosses(rowsOf(examples), ['a', 'b'], 0.2)).map((row) => examples[row]!.content);
    expect(contents([...level].reverse()).sort()).toEqual(contents(level).sort());
    expect(contents(level)).toHaveLength(8);
    expect(marked(cutLosses(rowsOf(EXAMPLES), ['a', 'b'], 0))).toEqual([]);
  });
});

describe('answers to choose from', () => {
  test('are as many as there are where all are as common, and fewer where some are rare', () => {
    expect([answerCountOf([5, 5, 5, 5])]).toBeAllclose([4], { rtol: 1e-12, atol: 0 });
    expect([answerCountOf([9])]).toBeAllclose([1], { rtol: 1e-12, atol: 0 });
    const entropy = -(0.9 * Math.log(0.9) + 0.1 * Math.log(0.1));
    expect([answerCountOf([90, 10])]).toBeAllclose([Math.exp(entropy)], { rtol: 1e-12, atol: 0 });
  });

  test('are not known where more than half stand once', () => {
    expect([answerCountOf([1, 1, 1, 2]), answerCountOf([])]).toEqual([null, null]);
    expect(answerCountOf([1, 1, 2])).not.toBeNull();
  });
});
