import { expect, test } from 'vitest';
import { LargestBatch } from '../../../activities/dataset/largest-batch.ts';
import type { RowVectors } from '../../../contracts/tower-vectors.ts';
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
    row(0, 40, { pictures: 4, videos: 8, sounds: [] }),
    row(1, 9, { pictures: 0, videos: 64, sounds: [] }),
    row(1, 9, { pictures: 2, videos: 32, sounds: [] }),
  ]);
  largest.add([
    row(2, 5, { pictures: 0, videos: 0, sounds: [10, 30] }),
    row(2, 5, { pictures: 0, videos: 0, sounds: [20] }),
  ]);
  const clips = { videos: 96, sounds: 90 };
  const vectors = { pictures: 4, ...clips };
  expect(largest.found).toEqual({ rowCount: 1, tokenCount: 40, supervisedCount: 2, vectors });
  expect(largest.details()).toEqual({ largestBatch: { rowCount: 1, tokenCount: 40, clips } });
});

test('pictures decide over memory, and the artifact is as if there were none', () => {
  const [blind, seeing] = [new LargestBatch(), new LargestBatch()];
  blind.add([row(0, 10), row(0, 12), row(1, 20)]);
  seeing.add([
    row(0, 10, { pictures: 256, videos: 0, sounds: [] }),
    row(0, 12, { pictures: 512, videos: 0, sounds: [] }),
    row(1, 20),
  ]);
  expect(seeing.found).toEqual({ ...blind.found, vectors: { pictures: 768, videos: 0, sounds: 0 } });
  expect(seeing.details()).toEqual(blind.details());
});
