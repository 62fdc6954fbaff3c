import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tableFromIPC } from 'apache-arrow';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { gradientSchema, tableSchema } from '../../tables/schemas.ts';
import { LocalStore } from '../../store/local-store.ts';
import { readTable, writeTable } from '../../tables/arrow-file.ts';
import type { TableRows } from '../../tables/arrow-file.ts';

let folder: string;
let store: LocalStore;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tive-tables-'));
  store = new LocalStore(folder);
});
afterEach(() => rm(folder, { recursive: true }));

function* rowsTable(batchCount: number, batchRows: number): Generator<TableRows> {
  for (let batch = 0; batch < batchCount; batch += 1) {
    const index = Uint32Array.from({ length: batchRows }, (_, row) => batch * batchRows + row);
    yield {
      rowCount: batchRows,
      columns: {
        row_index: index,
        source_index: new Uint32Array(batchRows),
        byte_start: BigInt64Array.from(index, (row) => BigInt(row) * 5_000_000_000n),
        byte_end: BigInt64Array.from(index, (row) => BigInt(row) * 5_000_000_000n + 7n),
        id: Array.from(index, (row) => (row % 3 === 0 ? null : `"ïd-${row}"`)),
        task: Array.from(index, (row) => `task-${row % 2}`),
        image: Array.from(index, () => null),
        content_hash: Uint8Array.from({ length: batchRows * 32 }, (_, byte) => byte % 251),
        token_count: index,
        image_token_count: index,
        supervised_token_count: index,
        truncated: Array.from(index, (row) => row % 5 === 0),
        micro_batch: index,
        shard: index,
        reason: Array.from(index, () => null),
      },
    };
  }
}

describe('tables', () => {
  test('what is written is read back, column by column and batch by batch', async () => {
    const file = await writeTable(store, 'artifacts/x', 'rows.arrow', tableSchema('rows'), rowsTable(3, 100));
    expect(file.rowCount).toBe(300);
    const wanted = [...rowsTable(3, 100)];
    let index = 0;
    for await (const batch of readTable(store, 'artifacts/x', file, tableSchema('rows'))) {
      const { columns } = wanted[index++]!;
      expect(batch.rowCount).toBe(100);
      expect(batch.uint32('row_index')).toEqual(columns['row_index']);
      expect(batch.int64('byte_end')).toEqual(columns['byte_end']);
      expect(batch.strings('id')).toEqual(columns['id']);
      expect(batch.bytes('content_hash')).toEqual(columns['content_hash']);
      expect(batch.booleans('truncated')).toEqual(columns['truncated']);
    }
    expect(index).toBe(3);
  });

  test('a gradient table holds flat lists of float32 or int8', async () => {
    const columns = {
      row_index: Uint32Array.of(1, 2),
      content_hash: new Uint8Array(64),
      task: ['a', 'b'],
      loss: Float64Array.of(0.5, 1.5),
      supervised_token_count: Uint32Array.of(3, 4),
      gradient_norm: Float64Array.of(1, 2),
      el2n: Float64Array.of(0.1, 0.2),
      gradient_scale: Float64Array.of(1, 1),
      reason: [null, 'gradient_zero'],
    };
    for (const [storage, gradient] of [
      ['float32', Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8)],
      ['int8', Int8Array.of(-127, 2, 3, 4, 5, 6, 7, 127)],
    ] as const) {
      const file = await writeTable(store, 'g', `${storage}.arrow`, gradientSchema(4, storage), [
        { rowCount: 2, columns: { ...columns, gradient } },
      ]);
      for await (const batch of readTable(store, 'g', file, gradientSchema(4, storage))) {
        expect(batch.list('gradient')).toEqual(gradient);
        expect(batch.strings('reason')).toEqual([null, 'gradient_zero']);
      }
    }
  });

  test('the file is an Arrow IPC file with its metadata, and the same rows give the same bytes', async () => {
    const schema = tableSchema('rows', { 'tive.stage_version': '1' });
    const first = await writeTable(store, 'a', 'rows.arrow', schema, rowsTable(2, 10));
    const second = await writeTable(store, 'b', 'rows.arrow', schema, rowsTable(2, 10));
    expect(second).toEqual(first);
    const table = tableFromIPC(await readFile(join(folder, 'a/rows.arrow')));
    expect(table.numRows).toBe(20);
    expect(table.schema.metadata.get('tive.kind')).toBe('rows');
    expect(table.schema.metadata.get('tive.stage_version')).toBe('1');
  });

  test('a table of many batches streams through: 64 batches of 1 MiB come back whole', async () => {
    const schema = gradientSchema(1024, 'float32');
    const batches = function* (): Generator<TableRows> {
      for (let batch = 0; batch < 64; batch += 1) {
        const rowCount = 256;
        const zeros = new Float64Array(rowCount);
        yield {
          rowCount,
          columns: {
            row_index: Uint32Array.from({ length: rowCount }, (_, row) => batch * rowCount + row),
            content_hash: new Uint8Array(rowCount * 32),
            task: Array.from({ length: rowCount }, () => 't'),
            loss: zeros,
            supervised_token_count: new Uint32Array(rowCount),
            gradient_norm: zeros,
            el2n: zeros,
            gradient: new Float32Array(rowCount * 1024).fill(batch),
            gradient_scale: zeros,
            reason: Array.from({ length: rowCount }, () => null),
          },
        };
      }
    };
    const file = await writeTable(store, 'big', 'g.arrow', schema, batches());
    let batchIndex = 0;
    for await (const batch of readTable(store, 'big', file, schema))
      expect(batch.list('gradient')[1024 * 100]).toBe(batchIndex++);
    expect(batchIndex).toBe(64);
    expect(file.rowCount).toBe(64 * 256);
  });

  test('one changed byte is an error that names the file and both hashes', async () => {
    const file = await writeTable(store, 'a', 'rows.arrow', tableSchema('rows'), rowsTable(1, 10));
    const path = join(folder, 'a/rows.arrow');
    const bytes = await readFile(path);
    bytes[1500]! ^= 1;
    await writeFile(path, bytes);
    const read = async (): Promise<void> => {
      for await (const batch of readTable(store, 'a', file, tableSchema('rows'))) void batch;
    };
    await expect(read()).rejects.toThrow(/^rows\.arrow: sha256 must be [0-9a-f]{12}…, got [0-9a-f]{12}…; delete/);
  });
});
