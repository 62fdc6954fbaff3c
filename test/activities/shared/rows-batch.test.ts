import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readRecords, setAsideLine, toRowsBatch } from '../../../activities/shared/rows-batch.ts';
import type { PlannedRow } from '../../../dataset/rows/plan-rows.ts';
import type { RowRecord } from '../../../dataset/rows/scan-dataset.ts';
import { LocalStore } from '../../../store/local-store.ts';
import { NO_BATCH, rowsTable } from '../../../tables/rows.ts';
import { makeArtifact } from '../../tables/artifact.ts';

const folder = mkdtempSync(join(tmpdir(), 'tive-rows-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const store = new LocalStore(folder);

const record = (rowIndex: number, changed: Partial<RowRecord> = {}): RowRecord => ({
  rowIndex,
  sourceIndex: 1,
  // Files may be larger than 4 GiB.
  byteStart: 2 ** 40 + rowIndex,
  byteEnd: 2 ** 40 + rowIndex + 9,
  id: `"${rowIndex}"`,
  task: 'qa',
  image: 'a.png',
  contentHash: new Uint8Array(32).fill(rowIndex + 1),
  tokenCount: 20 + rowIndex,
  imageTokenCount: 16,
  supervisedTokenCount: 3,
  truncated: rowIndex === 2,
  rejection: null,
  extensionDiffers: false,
  unreadKeys: [],
  ...changed,
});

const BAD: PlannedRow = {
  record: record(1, { task: null, id: null, rejection: { reason: 'answer_empty', detail: 'turn 1: must have text' } }),
  place: null,
};
const ROWS: PlannedRow[] = [
  { record: record(0), place: { microBatch: 5, shard: 2 } },
  BAD,
  { record: record(2, { image: null }), place: { microBatch: 4, shard: 1 } },
];

const write = (rows: PlannedRow[]) =>
  makeArtifact(store, 'dataset', { rows: rows.length }, async (place) => [
    await rowsTable.write(store, place, [toRowsBatch(rows)]),
  ]);

async function recordsOf(isWanted: (rowIndex: number) => boolean): Promise<RowRecord[]> {
  const records = [];
  for await (const batch of readRecords(store, await write(ROWS), isWanted)) records.push(...batch);
  return records;
}

test('usable rows come back from the table as they were', async () => {
  expect(await recordsOf(() => true)).toEqual([ROWS[0]!.record, ROWS[2]!.record]);
});

test('only wanted rows come back', async () => {
  expect(await recordsOf((rowIndex) => rowIndex > 0)).toEqual([ROWS[2]!.record]);
  expect(await recordsOf(() => false)).toEqual([]);
});

test('a row that is set aside has its reason and no place in the plan', () => {
  const batch = toRowsBatch(ROWS);
  expect(batch.reason).toEqual([null, 'answer_empty', null]);
  expect([...batch.microBatch]).toEqual([5, NO_BATCH, 4]);
  expect([...batch.shard]).toEqual([2, NO_BATCH, 1]);
});

test('only a row that is set aside has a line in the list of them', () => {
  expect(ROWS.map(setAsideLine)).toEqual([
    null,
    '{"row_index":1,"task":null,"reason":"answer_empty","detail":"row 1 turn 1: must have text"}\n',
    null,
  ]);
});
