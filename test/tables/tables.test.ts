import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tableFromIPC } from 'apache-arrow';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LocalStore } from '../../store/local-store.ts';
import { openGradientTable, readGradients, writeGradientShard } from '../../tables/gradients.ts';
import type { GradientRows, GradientWidth } from '../../tables/gradients.ts';
import { rowsTable, usableRows } from '../../tables/rows.ts';
import type { RowsBatch } from '../../tables/rows.ts';
import { trainingTable } from '../../tables/training.ts';
import { makeArtifact } from './artifact.ts';

let folder: string;
let store: LocalStore;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tive-tables-'));
  store = new LocalStore(folder);
});
afterEach(() => rm(folder, { recursive: true }));

function* rowBatches(batchCount: number, batchRows: number): Generator<RowsBatch> {
  for (let batch = 0; batch < batchCount; batch += 1) {
    const index = Uint32Array.from({ length: batchRows }, (_, row) => batch * batchRows + row);
    yield {
      rowCount: batchRows,
      rowIndex: index,
      sourceIndex: new Uint32Array(batchRows),
      byteStart: BigInt64Array.from(index, (row) => BigInt(row) * 5_000_000_000n),
      byteEnd: BigInt64Array.from(index, (row) => BigInt(row) * 5_000_000_000n + 7n),
      id: Array.from(index, (row) => (row % 3 === 0 ? null : `"ïd-${row}"`)),
      task: Array.from(index, (row) => `task-${row % 2}`),
      image: Array.from(index, () => null),
      contentHash: Uint8Array.from({ length: batchRows * 32 }, (_, byte) => byte % 251),
      tokenCount: index,
      imageTokenCount: index,
      supervisedTokenCount: index,
      truncated: Array.from(index, (row) => row % 5 === 0),
      microBatch: index,
      shard: index,
      reason: Array.from(index, (row) => (row % 4 === 1 ? 'answer_empty' : null)),
    };
  }
}

const rowsArtifact = (name: string, batchCount: number, batchRows: number) =>
  makeArtifact(store, 'dataset', { name }, async (place) => [
    await rowsTable.write(store, place, rowBatches(batchCount, batchRows)),
  ]);

const gradientsArtifact = (width: GradientWidth, batches: Iterable<GradientRows>) =>
  makeArtifact(
    store,
    'gradients',
    { ...width },
    async (place) => [
      await writeGradientShard(store, { folder: place, address: 'abc', shard: 0, shardCount: 1 }, width, batches),
    ],
    { ...width },
  );

describe('tables', () => {
  test('what is written is read back, column by column and batch by batch', async () => {
    const rows = await rowsArtifact('r', 3, 100);
    expect(rows.rowCount).toBe(300);
    const wanted = [...rowBatches(3, 100)];
    let index = 0;
    for await (const batch of rowsTable.read(store, rows)) expect({ ...batch }).toEqual(wanted[index++]);
    expect(index).toBe(3);
  });

  test('usable rows are those without a reason, numbered in their order', async () => {
    const found = [];
    for await (const { rowIndex, position, byteStart } of usableRows(store, await rowsArtifact('r', 2, 4)))
      found.push([rowIndex, position, byteStart]);
    const billion = 1_000_000_000;
    expect(found).toEqual([0, 2, 3, 4, 6, 7].map((row, position) => [row, position, 5 * row * billion]));
  });

  test.each([
    ['float32', Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8)],
    ['int8', Int8Array.of(-127, 2, 3, 4, 5, 6, 7, 127)],
  ] as const)('a gradient table holds flat lists of %s', async (storage, gradient) => {
    const batch: GradientRows = {
      rowCount: 2,
      rowIndex: Uint32Array.of(1, 2),
      contentHash: new Uint8Array(64),
      task: ['a', 'b'],
      loss: Float64Array.of(0.5, 1.5),
      supervisedTokenCount: Uint32Array.of(3, 4),
      gradientNorm: Float64Array.of(1, 2),
      el2n: Float64Array.of(0.1, 0.2),
      gradient,
      gradientScale: Float64Array.of(1, 1),
      reason: [null, 'gradient_zero'],
    };
    const table = await openGradientTable(store, [await gradientsArtifact({ sketch: 4, storage }, [batch])]);
    for await (const found of readGradients(store, table)) expect({ ...found }).toEqual(batch);
    expect(table.files.map(({ file }) => file.name)).toEqual(['gradients-00000-of-00001.arrow']);
  });

  test('a gradient table holds losses at checkpoints where there are any, and they alone make its file another one', async () => {
    const batch: GradientRows = {
      rowCount: 2,
      rowIndex: Uint32Array.of(1, 2),
      contentHash: new Uint8Array(64),
      task: ['a', 'b'],
      loss: Float64Array.of(0.5, 1.5),
      supervisedTokenCount: Uint32Array.of(3, 4),
      gradientNorm: Float64Array.of(1, 2),
      el2n: Float64Array.of(0.1, 0.2),
      gradient: Float32Array.of(1, 2, 3, 4),
      gradientScale: Float64Array.of(1, 1),
      reason: [null, null],
    };
    const width: GradientWidth = { sketch: 2, storage: 'float32' };
    const lossTrajectory = Float32Array.of(3, 1, 0.5, 4, 2, 1.5);
    const plain = await gradientsArtifact(width, [batch]);
    const whole = await gradientsArtifact({ ...width, trajectory: 3 }, [{ ...batch, lossTrajectory }]);
    const table = await openGradientTable(store, [whole]);
    expect(table.trajectory).toBe(3);
    for await (const found of readGradients(store, table)) expect({ ...found }).toEqual({ ...batch, lossTrajectory });
    const file = tableFromIPC(await readFile(join(folder, whole.uri, 'gradients-00000-of-00001.arrow')));
    const field = file.schema.fields.find(({ name }) => name === 'loss_trajectory')!;
    expect([String(field.type), field.nullable]).toEqual(['FixedSizeList[3]<Float32>', false]);
    await expect(openGradientTable(store, [plain, whole])).rejects.toThrow(
      `${whole.uri}: trajectory must be 0, got 3; use another store`,
    );
  });

  test('the file is an Arrow IPC file with names as on disk and metadata, and the same rows give the same bytes', async () => {
    const first = await rowsTable.write(store, 'a', rowBatches(2, 10));
    const second = await rowsTable.write(store, 'b', rowBatches(2, 10));
    expect(second).toEqual(first);
    const table = tableFromIPC(await readFile(join(folder, 'a/rows.arrow')));
    expect(table.numRows).toBe(20);
    expect(Object.fromEntries(table.schema.metadata)).toEqual({ 'tive.kind': 'rows', 'tive.schema_version': '1' });
    expect(table.schema.fields.map(({ name }) => name)).toContain('supervised_token_count');
  });

  test('a gradient shard says where it belongs', async () => {
    const width: GradientWidth = { sketch: 4, storage: 'float32' };
    await writeGradientShard(store, { folder: 'g', address: 'abc', shard: 2, shardCount: 7 }, width, []);
    const { schema } = tableFromIPC(await readFile(join(folder, 'g/gradients-00002-of-00007.arrow')));
    expect(schema.metadata.get('tive.address')).toBe('abc');
    expect(schema.metadata.get('tive.shard')).toBe('2/7');
  });

  test('a table of many batches streams through: 64 batches of 1 MiB come back whole', async () => {
    const rowCount = 256;
    const batches = function* (): Generator<GradientRows> {
      for (let batch = 0; batch < 64; batch += 1) {
        const zeros = new Float64Array(rowCount);
        yield {
          rowCount,
          rowIndex: Uint32Array.from({ length: rowCount }, (_, row) => batch * rowCount + row),
          contentHash: new Uint8Array(rowCount * 32),
          task: Array.from({ length: rowCount }, () => 't'),
          loss: zeros,
          supervisedTokenCount: new Uint32Array(rowCount),
          gradientNorm: zeros,
          el2n: zeros,
          gradient: new Float32Array(rowCount * 1024).fill(batch),
          gradientScale: zeros,
          reason: Array.from({ length: rowCount }, () => null),
        };
      }
    };
    const artifact = await gradientsArtifact({ sketch: 1024, storage: 'float32' }, batches());
    let batchIndex = 0;
    for await (const { gradient } of readGradients(store, await openGradientTable(store, [artifact])))
      expect(gradient[1024 * 100]).toBe(batchIndex++);
    expect(batchIndex).toBe(64);
    expect(artifact.rowCount).toBe(64 * 256);
  });

  test('one changed byte is an error that names the file and both hashes', async () => {
    const rows = await rowsArtifact('r', 1, 10);
    const path = join(folder, rows.uri, 'rows.arrow');
    const bytes = await readFile(path);
    bytes[1500]! ^= 1;
    await writeFile(path, bytes);
    const read = async (): Promise<void> => {
      for await (const batch of rowsTable.read(store, rows)) void batch;
    };
    await expect(read()).rejects.toThrow(
      /^artifacts\/dataset\/[0-9a-f]{40}\/rows\.arrow: sha256 must be [0-9a-f]{64}, got [0-9a-f]{64}; tive run --repair/,
    );
  });

  test('an artifact without a table is refused, or read as none where none is an answer', async () => {
    const adapter = await makeArtifact(store, 'warmup', { name: 'given' }, () => Promise.resolve([]));
    const read = async (batches: AsyncIterable<unknown>): Promise<number> => {
      let count = 0;
      for await (const batch of batches) count += batch === undefined ? 0 : 1;
      return count;
    };
    await expect(read(trainingTable.read(store, adapter))).rejects.toThrow('artifact must hold training.arrow, got ');
    expect(await read(trainingTable.readIfThere(store, adapter))).toBe(0);
  });
});
