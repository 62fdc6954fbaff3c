import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { findDataset } from '../../../activities/dataset/stage.ts';
import { InvalidDatasetError } from '../../../contracts/failures.ts';
import type { Checkpoint } from '../../../contracts/messages/run.ts';
import type { ScanResult } from '../../../contracts/messages/dataset.ts';
import { readQuarantine } from '../../../tables/quarantine.ts';
import { NO_BATCH, rowsTable } from '../../../tables/rows.ts';
import type { RowsBatch } from '../../../tables/rows.ts';
import { BAD_ROWS, USABLE_ROWS } from '../../client/small-dataset.ts';
import { SmallRun } from '../small-run.ts';

const run = new SmallRun();

async function rowsOf({ rows }: ScanResult): Promise<RowsBatch> {
  for await (const batch of rowsTable.read(run.store, rows)) return batch;
  throw new Error('rows: must have a batch, got none');
}

describe('the rows of a dataset', () => {
  test('are counted by task, and those that cannot be used by reason', async () => {
    expect(await run.scan(run.config())).toMatchObject({
      rowCount: USABLE_ROWS + BAD_ROWS,
      usableCount: USABLE_ROWS,
      duplicateCount: 0,
      tasks: [
        { task: 'name', rowCount: 25, usableCount: 24 },
        { task: 'sum', rowCount: 13, usableCount: 12 },
        { task: 'tell', rowCount: 21, usableCount: 20 },
      ],
      quarantined: [
        { reason: 'answer_empty', count: 1 },
        { reason: 'answer_missing', count: 1 },
        { reason: 'image_missing', count: 1 },
      ],
      warnings: [],
    });
  });

  test('that are set aside are listed with place, task, reason and a detail that names the row', async () => {
    const { rows } = await run.scan(run.config());
    const listed = [];
    for await (const row of readQuarantine(run.store, rows)) listed.push(row);
    expect(listed.map(({ rowIndex, task, reason }) => [rowIndex, task, reason])).toEqual([
      [7, 'name', 'image_missing'],
      [31, 'tell', 'answer_empty'],
      [58, 'sum', 'answer_missing'],
    ]);
    for (const { rowIndex, detail } of listed) expect(detail).toMatch(new RegExp(`^row ${rowIndex}[: ]`));
  });

  test('lie in the file where the table says, byte for byte', async () => {
    const { byteStart, byteEnd, id } = await rowsOf(await run.scan(run.config()));
    const bytes = readFileSync(join(run.folder, 'train.json'));
    for (const [row, start] of byteStart.entries()) {
      const json = bytes.subarray(Number(start), Number(byteEnd[row])).toString();
      expect((JSON.parse(json) as { id: number }).id).toBe(Number(id[row]));
    }
  });

  test('have a plan when they can be used: micro-batches within the token budget, shards of whole ones', async () => {
    const config = run.config();
    const found = await run.scan(config);
    const { reason, microBatch, shard, tokenCount } = await rowsOf(found);
    const batches = new Map<number, { lengths: number[]; shards: Set<number> }>();
    for (const [row, why] of reason.entries()) {
      expect(microBatch[row] === NO_BATCH && shard[row] === NO_BATCH).toBe(why !== null);
      if (why !== null) continue;
      const batch = batches.get(microBatch[row]!) ?? { lengths: [], shards: new Set<number>() };
      batch.lengths.push(tokenCount[row]!);
      batch.shards.add(shard[row]!);
      batches.set(microBatch[row]!, batch);
    }
    expect(batches.size).toBe(found.microBatchCount);
    const rowsOfShards = Array.from({ length: found.shardCount }, () => 0);
    for (const { lengths, shards } of batches.values()) {
      expect(lengths.length * Math.max(...lengths)).toBeLessThanOrEqual(256);
      expect(shards.size).toBe(1);
      rowsOfShards[[...shards][0]!]! += lengths.length;
    }
    expect(Math.min(...rowsOfShards.slice(0, -1))).toBeGreaterThanOrEqual(config.gradients.shardRows);
    expect(found.tokenCount).toBe([...batches.values()].flatMap(({ lengths }) => lengths).reduce((a, b) => a + b, 0));
  });

  test('are read once: asked again, the same artifact comes back and no row is read', async () => {
    const first = await run.scan(run.config());
    const heartbeats: Checkpoint[] = [];
    expect(await run.scan(run.config(), 'dataset', { heartbeats })).toEqual({ ...first, cached: true });
    expect(new Set(heartbeats.map(({ doneCount }) => doneCount))).toEqual(new Set([0]));
    expect(await findDataset(run.dependencies, run.config())).toEqual({ ...first, cached: true });
  });

  test('with another plan are another artifact', async () => {
    const [small, large] = [await run.scan(run.config()), await run.scan(run.config('gradients.shard_rows=30'))];
    expect(large.cached).toBe(false);
    expect(large.rows.uri).not.toBe(small.rows.uri);
    expect(large.shardCount).toBe(2);
    expect(await findDataset(run.dependencies, run.config('gradients.shard_rows=31'))).toBeNull();
  });
});

describe('a dataset is refused', () => {
  const unknown = 'dataset.exclude_tasks: tasks must exist, got "nome"; known: name, sum, tell';

  test('for an excluded task that does not exist, whether its rows are known or not', async () => {
    const settings = ['dataset.exclude_tasks=[nome]', 'gradients.shard_rows=9'];
    await expect(run.scan(run.config(...settings))).rejects.toThrow(unknown);
    expect((await run.scan(run.config('gradients.shard_rows=9'))).cached).toBe(false);
    await expect(run.scan(run.config(...settings))).rejects.toThrow(unknown);
  });

  test('for a list of excluded rows that names none of it; names that fit are said where some do not', async () => {
    const place = join(run.folder, 'left-out.txt');
    writeFileSync(place, `1\nnobody\n${'0f'.repeat(32)}\n`);
    const config = run.config(`dataset.exclude_rows=${place}`);
    const { warnings, rows } = await run.scan(config);
    expect(warnings).toContain(
      `dataset.exclude_rows: names must be ids or content hashes of rows, got 2 of 3 that no row has: "nobody", "${'0f'.repeat(32)}"`,
    );
    expect(rows).toEqual((await run.scan(run.config())).rows);
    writeFileSync(place, 'nobody\n');
    await expect(run.scan(config)).rejects.toThrow('got 1 of 1 that no row has: "nobody"; tive show tells a row');
    rmSync(place);
    await expect(run.scan(config)).rejects.toThrow('dataset.exclude_rows: file must exist, got "');
  });

  test('for too many bad rows, and nothing is left behind', async () => {
    const config = run.config('dataset.max_quarantined_fraction=0.02');
    const before = await run.store.list('artifacts');
    const refused = expect(run.scan(config)).rejects;
    await refused.toThrow('dataset: quarantined share must be at most 0.02, got 0.0508 (3 of 59, mostly ');
    expect(await run.store.list('artifacts')).toEqual(before);
  });
});

describe('test rows', () => {
  test('are a dataset of their own', async () => {
    expect(await run.scan(run.config(), 'evaluation')).toMatchObject({
      rowCount: 56,
      usableCount: 56,
      cached: false,
      quarantined: [],
      warnings: [],
    });
    expect(await run.scan(run.config(), 'evaluation')).toMatchObject({ cached: true });
  });

  test('that are set aside are called out by evaluation.path', async () => {
    const rows = JSON.parse(readFileSync(join(run.folder, 'test.json'), 'utf8')) as { image?: string }[];
    rows[0]!.image = 'gone.png';
    writeFileSync(join(run.folder, 'some.json'), JSON.stringify(rows));
    const { warnings } = await run.scan(run.config(`evaluation.path=${join(run.folder, 'some.json')}`), 'evaluation');
    expect(warnings).toEqual(['evaluation.path: test rows must be usable, got 1 of 56 set aside (1 image_missing)']);
  });

  test('that cannot be used are refused by evaluation.path', async () => {
    const config = run.config(`evaluation.image_folder=${run.folder}`);
    const refused = await run.scan(config, 'evaluation').catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(InvalidDatasetError);
    expect((refused as Error).message).toMatch(
      /^evaluation\.path: quarantined share must be at most 0\.1, got 0\.786 /,
    );
  });
});

test('a picture of another type than its name says is used, counted and called out', async () => {
  const picture = join(run.folder, 'images/cat.png');
  writeFileSync(picture, await sharp(readFileSync(picture)).jpeg().toBuffer());
  const { warnings, usableCount } = await run.scan(run.config());
  expect(usableCount).toBe(USABLE_ROWS);
  expect(warnings).toEqual(['images: extension must match the content, got 4 that differ; decoded by content']);
});
