import { expect, test } from 'vitest';
import { LargestBatch } from '../../../activities/dataset/largest-batch.ts';
import type { RowVectors } from '../../../contracts/clips.ts';
import type { PlannedRow } from '../../../dataset/rows/plan-rows.ts';

function row(microBatch: number, tokenCount: number, towerVectors?: RowVectors): PlannedRow {
  const record = {
    ...{ rowIndex: 0, sourceIndex: 0, byteStart: 0, byteEnd: 0, id: null, task: 'a', image: null, unreadKeys: [] },
    ...{ contentHash: new Uint8Array(32), imageTokenCount: 0, supervisedTokenCount: 2, truncated: false },
    ...{ rejection: null, extensionDiffers: false, tokenCount },
  };
  return { record: { ...record, ...(towerVectors && { towerVectors }) }, place: { microBatch, shard: 0 } };
}

test('the largest micro-batch of rows without clips says nothing of them', () => {
  const largest = new LargestBatch();
  expect([largest.found, largest.details()]).toEqual([null, {}]);
  largest.add([row(0, 10), row(0, 12), row(1, 20), { ...row(2, 90), place: null }]);
  expect(largest.found).toEqual({ rowCount: 2, tokenCount: 12, supervisedCount: 4 });
  expect(JSON.stringify(largest.details())).toBe('{"largestBatch":{"rowCount":2,"tokenCount":12}}');
});

test('the most vectors of each tower go with it, whichever micro-batches they are of', () => {
  const largest = new LargestBatch();
  largest.add([
    row(0, 40, { videos: 8, sounds: [] }),
    row(1, 9, { videos: 64, sounds: [] }),
    row(1, 9, { videos: 32, sounds: [] }),
  ]);
  largest.add([row(2, 5, { videos: 0, sounds: [10, 30] }), row(2, 5, { videos: 0, sounds: [20] })]);
  const clips = { videos: 96, sounds: 90 };
  expect(largest.found).toEqual({ rowCount: 1, tokenCount: 40, supervisedCount: 2, clips });
  expect(largest.details()).toEqual({ largestBatch: { rowCount: 1, tokenCount: 40, clips } });
});
