import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WINDOW_ROWS, planMicroBatches, shardCounter } from '../../../dataset/rows/micro-batches.ts';
import { planRows } from '../../../dataset/rows/plan-rows.ts';
import type { PlannedRow } from '../../../dataset/rows/plan-rows.ts';
import type { RowRecord } from '../../../dataset/rows/scan-dataset.ts';

/** Lengths that repeat in no obvious way. */
const lengths = (count: number): number[] =>
  Array.from({ length: count }, (_, index) => 20 + (((index * 2654435761) >>> 16) % 300));

const tokenCounts = fc.array(fc.integer({ min: 1, max: 400 }), { maxLength: 60 });
const budget = fc.integer({ min: 1, max: 2000 });

describe('the plan of micro-batches', () => {
  test('puts rows of like length together, as many as the budget holds with padding', () => {
    // Sorted 10 10 20 30 60: 3 · 20 = 60 fits, 4 · 30 = 120 does not, nor does 2 · 60.
    expect(planMicroBatches([30, 10, 60, 10, 20], 60)).toEqual([[1, 3, 4], [0], [2]]);
  });

  test('keeps row order among rows of one length', () => {
    expect(planMicroBatches([5, 5, 5, 5, 5], 10)).toEqual([[0, 1], [2, 3], [4]]);
  });

  test('gives a row that is longer than the budget a micro-batch of its own', () => {
    expect(planMicroBatches([100, 3, 200, 3], 6)).toEqual([[1, 3], [0], [2]]);
  });

  test('is empty for no rows', () => {
    expect(planMicroBatches([], 100)).toEqual([]);
  });

  test('has every row once', () => {
    fc.assert(
      fc.property(tokenCounts, budget, (counts, tokenBudget) => {
        const positions = planMicroBatches(counts, tokenBudget).flat();
        expect(positions.sort((left, right) => left - right)).toEqual(counts.map((_, position) => position));
      }),
      { numRuns: 200, seed: 1 },
    );
  });

  test('keeps rows × longest within the budget wherever there is more than one row', () => {
    fc.assert(
      fc.property(tokenCounts, budget, (counts, tokenBudget) => {
        for (const batch of planMicroBatches(counts, tokenBudget)) {
          const longest = Math.max(...batch.map((position) => counts[position]!));
          expect(batch.length === 1 || batch.length * longest <= tokenBudget).toBe(true);
        }
      }),
      { numRuns: 200, seed: 2 },
    );
  });

  test('cuts no earlier than it must, and orders a window by length', () => {
    fc.assert(
      fc.property(tokenCounts, budget, (counts, tokenBudget) => {
        const batches = planMicroBatches(counts, tokenBudget);
        const inOrder = batches.flat().map((position) => counts[position]!);
        expect(inOrder).toEqual([...counts].sort((left, right) => left - right));
        batches.slice(1).forEach((batch, index) => {
          expect((batches[index]!.length + 1) * counts[batch[0]!]!).toBeGreaterThan(tokenBudget);
        });
      }),
      { numRuns: 200, seed: 3 },
    );
  });

  test('is the same each time, whatever holds the lengths', () => {
    const counts = lengths(3000);
    const plan = planMicroBatches(counts, 4096);
    expect(planMicroBatches(counts, 4096)).toEqual(plan);
    expect(planMicroBatches(Uint32Array.from(counts), 4096)).toEqual(plan);
  });

  test('never crosses a window of 1,024 rows, so rows that are added leave the full windows as they are', () => {
    const counts = lengths(2 * WINDOW_ROWS + 100);
    const plan = planMicroBatches(counts, 4096);
    for (const batch of plan) expect(new Set(batch.map((position) => Math.floor(position / WINDOW_ROWS))).size).toBe(1);
    const full = planMicroBatches(counts.slice(0, 2 * WINDOW_ROWS), 4096);
    expect(WINDOW_ROWS).toBe(1024);
    expect(plan.slice(0, full.length)).toEqual(full);
    expect(
      plan
        .slice(full.length)
        .flat()
        .every((position) => position >= 2 * WINDOW_ROWS),
    ).toBe(true);
  });
});

describe('shards', () => {
  test('are runs of whole micro-batches with at least as many rows as asked for, but for the last', () => {
    const shardOf = shardCounter(10);
    expect([4, 5, 3, 10, 11, 1, 1].map(shardOf)).toEqual([0, 0, 0, 1, 2, 3, 3]);
  });

  test('of one row each are the micro-batches', () => {
    const shardOf = shardCounter(1);
    expect([4, 1, 1, 7].map(shardOf)).toEqual([0, 1, 2, 3]);
  });

  test('close as soon as they are large enough', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 30 })), fc.integer({ min: 1, max: 100 }), (sizes, shardRows) => {
        const shards = sizes.map(shardCounter(shardRows));
        expect(shards).toEqual([...shards].sort((left, right) => left - right));
        const last = shards.at(-1) ?? 0;
        for (let shard = 0; shard < last; shard += 1) {
          const batches = sizes.filter((_, index) => shards[index] === shard);
          const rows = batches.reduce((sum, size) => sum + size, 0);
          expect(rows).toBeGreaterThanOrEqual(shardRows);
          expect(rows - batches.at(-1)!).toBeLessThan(shardRows);
        }
      }),
      { numRuns: 200, seed: 4 },
    );
  });
});

describe('planning a stream of rows', () => {
  const record = (rowIndex: number, tokenCount: number, isUsable: boolean): RowRecord => ({
    rowIndex,
    sourceIndex: 0,
    byteStart: 0,
    byteEnd: 1,
    id: null,
    task: 'all',
    image: null,
    contentHash: new Uint8Array(32),
    tokenCount: isUsable ? tokenCount : 0,
    imageTokenCount: 0,
    supervisedTokenCount: 1,
    truncated: false,
    rejection: isUsable ? null : { reason: 'answer_empty', detail: 'turn 1: answer must not be empty, got ""' },
    extensionDiffers: false,
    unreadKeys: [],
  });
  const SIZES = { tokenBudget: 2048, shardRows: 300 };
  const isUsable = (rowIndex: number): boolean => rowIndex % 5 !== 3;
  const records = lengths(3200).map((count, rowIndex) => record(rowIndex, count, isUsable(rowIndex)));

  async function plan(rows: readonly RowRecord[], chunkRows: number): Promise<PlannedRow[]> {
    const chunks = async function* (): AsyncGenerator<RowRecord[]> {
      for (let start = 0; start < rows.length; start += chunkRows)
        yield await Promise.resolve(rows.slice(start, start + chunkRows));
    };
    const planned: PlannedRow[] = [];
    for await (const window of planRows(chunks(), SIZES)) planned.push(...window);
    return planned;
  }

  test('gives every row back in order, and a place to the usable ones alone', async () => {
    const planned = await plan(records, 256);
    expect(planned.map((row) => row.record.rowIndex)).toEqual(records.map(({ rowIndex }) => rowIndex));
    expect(planned.map(({ place }) => place !== null)).toEqual(records.map(({ rowIndex }) => isUsable(rowIndex)));
  });

  test('is the plan of all usable rows at once, shard by shard', async () => {
    const usable = (await plan(records, 256)).filter(({ place }) => place !== null);
    const batches = planMicroBatches(
      usable.map((row) => row.record.tokenCount),
      SIZES.tokenBudget,
    );
    const shardOf = shardCounter(SIZES.shardRows);
    batches.forEach((positions, microBatch) => {
      const place = { microBatch, shard: shardOf(positions.length) };
      for (const position of positions) expect(usable[position]!.place).toEqual(place);
    });
    expect(batches.length).toBeGreaterThan(100);
  });

  test('does not depend on how the rows arrive', async () => {
    const wanted = await plan(records, 256);
    expect(await plan(records, 1)).toEqual(wanted);
    expect(await plan(records, records.length)).toEqual(wanted);
  });

  test('does not depend on rows that are set aside', async () => {
    const places = (rows: PlannedRow[]): unknown[] => rows.map(({ place }) => place).filter((place) => place !== null);
    const usable = records.filter(({ rejection }) => rejection === null);
    expect(places(await plan(usable, 256))).toEqual(places(await plan(records, 256)));
  });

  test('gives no place where no row is usable, and nothing for no rows', async () => {
    const bad = [0, 1, 2].map((rowIndex) => record(rowIndex, 10, false));
    expect((await plan(bad, 2)).map(({ place }) => place)).toEqual([null, null, null]);
    expect(await plan([], 2)).toEqual([]);
  });
});
