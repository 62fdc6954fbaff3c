import { describe, expect, test } from 'vitest';
import type { Reason } from '../../../contracts/reasons.ts';
import type { PlannedRow } from '../../../dataset/rows/plan-rows.ts';
import type { RowRecord } from '../../../dataset/rows/scan-dataset.ts';
import { RowTally } from '../../../dataset/rows/tally.ts';

/** 32 bytes that begin with a number. */
function hash(value: number): Uint8Array {
  const bytes = new Uint8Array(32);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

function usable(task: string, content: number, microBatch: number, change: Partial<RowRecord> = {}): PlannedRow {
  const record: RowRecord = {
    rowIndex: 0,
    sourceIndex: 0,
    byteStart: 0,
    byteEnd: 1,
    id: null,
    task,
    image: null,
    contentHash: hash(content),
    tokenCount: 10,
    imageTokenCount: 0,
    supervisedTokenCount: 1,
    truncated: false,
    rejection: null,
    extensionDiffers: false,
    unreadKeys: [],
    ...change,
  };
  return { record, place: { microBatch, shard: Math.floor(microBatch / 2) } };
}

function setAside(task: string | null, reason: Reason, change: Partial<RowRecord> = {}): PlannedRow {
  const { record } = usable('', 0, 0, { task, tokenCount: 0, rejection: { reason, detail: 'x' }, ...change });
  return { record, place: null };
}

function tally(rows: readonly PlannedRow[]): ReturnType<RowTally['result']> {
  const counts = new RowTally();
  for (const row of rows) counts.add(row);
  return counts.result();
}

describe('the tally of rows', () => {
  test('counts rows, tasks by name, reasons by count, tokens, micro-batches and shards', () => {
    const rows = [
      usable('vqa', 1, 0),
      usable('caption', 2, 1),
      usable('vqa', 3, 2, { tokenCount: 7 }),
      setAside('vqa', 'image_missing'),
      setAside(null, 'json_syntax'),
      setAside('ocr', 'image_missing'),
      setAside('ocr', 'answer_empty'),
    ];
    expect(tally(rows)).toEqual({
      rowCount: 7,
      usableCount: 3,
      tasks: [
        { task: 'caption', rowCount: 1, usableCount: 1 },
        { task: 'ocr', rowCount: 2, usableCount: 0 },
        { task: 'vqa', rowCount: 3, usableCount: 2 },
      ],
      quarantined: [
        { reason: 'image_missing', count: 2 },
        { reason: 'answer_empty', count: 1 },
        { reason: 'json_syntax', count: 1 },
      ],
      duplicateCount: 0,
      microBatchCount: 3,
      shardCount: 2,
      tokenCount: 27,
      extensionDiffersCount: 0,
      unreadKeys: [],
    });
  });

  test('counts pictures with another extension, used or not', () => {
    const rows = [
      usable('a', 1, 0, { extensionDiffers: true }),
      usable('a', 2, 0),
      setAside('a', 'image_truncated', { extensionDiffers: true }),
    ];
    expect(tally(rows).extensionDiffersCount).toBe(2);
  });

  test('counts the keys of usable rows that are not read, the most frequent first', () => {
    const rows = [
      usable('a', 1, 0, { unreadKeys: ['tools'] }),
      usable('a', 2, 0, { unreadKeys: ['tools', 'objects'] }),
      setAside('a', 'image_truncated', { unreadKeys: ['objects'] }),
    ];
    expect(tally(rows).unreadKeys).toEqual([
      { key: 'tools', count: 2 },
      { key: 'objects', count: 1 },
    ]);
  });

  test('counts usable rows whose content was there before, in any number and order', () => {
    // 3,000 rows of 1,000 contents, and rows set aside, which all have the hash zero.
    const rows = Array.from({ length: 3000 }, (_, index) => usable('a', 1 + (index % 1000), 0));
    expect(tally([...rows, setAside('a', 'json_syntax'), setAside('a', 'json_syntax')]).duplicateCount).toBe(2000);
  });

  test('of no rows is zero', () => {
    expect(tally([])).toMatchObject({ rowCount: 0, usableCount: 0, tasks: [], quarantined: [], duplicateCount: 0 });
  });
});
