import { describe, expect, test } from 'vitest';
import { askedBatches, shortTasks } from '../../../activities/training/short-answers.ts';
import type { CountedRow } from '../../../activities/training/short-answers.ts';
import { WINDOW_ROWS } from '../../../dataset/rows/micro-batches.ts';

/** A row of a task with a last answer of so many tokens behind a prompt. */
function counted(
  position: number,
  task: string,
  lastAnswerTokenCount: number,
  more: { truncated?: boolean; prompt?: number } = {},
): CountedRow {
  const { truncated = false, prompt = 100 } = more;
  const row = {
    rowIndex: 2 * position,
    sourceIndex: 0,
    byteStart: 0,
    byteEnd: 0,
    position,
    task,
    contentHash: new Uint8Array(32),
    tokenCount: prompt + lastAnswerTokenCount,
    supervisedTokenCount: lastAnswerTokenCount,
    truncated,
    microBatch: 0,
    shard: 0,
  };
  return { row, lastAnswerTokenCount };
}

const many = (count: number, task: string, tokens: number, from = 0): CountedRow[] =>
  Array.from({ length: count }, (_, index) => counted(from + index, task, tokens));

describe('a task has short answers', () => {
  test('where 95 % of them have at most so many tokens; the longest, with a margin and a bound, cuts generated ones', () => {
    const rows = [
      ...many(20, 'all', 32),
      ...many(19, 'most', 3),
      counted(60, 'most', 70),
      ...many(18, 'few', 3),
      ...many(2, 'few', 33),
      ...many(19, 'one', 3),
      counted(61, 'one', 5000),
    ];
    const found = shortTasks(rows, 32).map(({ task, rows: asked, mostTokens }) => [task, asked.length, mostTokens]);
    expect(found).toEqual([
      ['all', 20, 40],
      ['most', 20, 78],
      ['one', 20, 128],
    ]);
  });

  test('of rows that were not cut: those that were count as long, and are not asked', () => {
    const cut = (position: number): CountedRow => counted(position, 'vqa', 1, { truncated: true });
    const [found] = shortTasks([...many(19, 'vqa', 2), cut(19)], 32);
    expect(found!.rows).toHaveLength(19);
    expect(shortTasks([...many(18, 'vqa', 2), cut(18), cut(19)], 32)).toEqual([]);
    expect(shortTasks([cut(0)], 32)).toEqual([]);
    expect(shortTasks([], 32)).toEqual([]);
  });
});

describe('rows are asked together', () => {
  const batchesOf = (rows: CountedRow[], budget: number) =>
    askedBatches({ task: 'vqa', rows, mostTokens: 10 }, budget).map((batch) => ({
      window: batch.window,
      positions: batch.rows.map(({ position }) => position),
    }));

  test('by the length of what stands before the answer, within the budget, at least one row', () => {
    const rows = [90, 20, 30, 90, 500].map((prompt, position) => counted(position, 'vqa', 5 - position, { prompt }));
    expect(batchesOf(rows, 200)).toEqual([
      { window: 0, positions: [1, 2] },
      { window: 0, positions: [0, 3] },
      { window: 0, positions: [4] },
    ]);
  });

  test('of one planning window, at most 64 rows and 4,096 tokens whatever the budget', () => {
    const rows = [...many(70, 'vqa', 2, WINDOW_ROWS - 5)];
    const found = batchesOf(rows, 1e9);
    expect(found.map(({ window, positions }) => [window, positions.length])).toEqual([
      [0, 5],
      [1, 37],
      [1, 28],
    ]);
    const small = Array.from({ length: 70 }, (_, position) => counted(position, 'vqa', 1, { prompt: 2 }));
    expect(batchesOf(small, 1e9).map(({ positions }) => positions.length)).toEqual([64, 6]);
  });
});
