import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { writeSmallDataset } from '../small-dataset.ts';
import { tive, useCluster } from '../in-process.ts';
import { hashesOf } from '../tive-process.ts';
import type { Finished } from '../tive-process.ts';

const root = mkdtempSync(join(tmpdir(), 'tive-threads-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
afterEach(() => void vi.unstubAllEnvs());

const cluster = useCluster();

/** Makes the values of the small run anew, from the gradients in its store. */
async function estimate(storage: string, threadCount: number): Promise<{ done: Finished; store: string }> {
  const folder = join(root, storage);
  const store = join(folder, 'tive-store');
  if (!existsSync(folder)) writeSmallDataset(folder);
  rmSync(join(store, 'artifacts/values'), { recursive: true, force: true });
  vi.stubEnv('TIVE_VALUES_THREADS', String(threadCount));
  const words = [`gradients.storage=${storage}`, '--until', 'values', '--address', cluster.address];
  const done = await tive(folder, 'run', 'recipe.yaml', ...words);
  return { done, store };
}

test.each(['int8', 'float32'])(
  'values of a table in %s have the same bytes for any number of threads',
  async (storage) => {
    const hashes: string[][] = [];
    for (const threadCount of [1, 2, 5]) {
      const { done, store } = await estimate(storage, threadCount);
      expect(done.exitCode, done.stderr).toBe(0);
      hashes.push(hashesOf(store, 'values', 'values.arrow'));
    }
    expect(hashes[0]).toHaveLength(1);
    expect(hashes).toEqual([hashes[0], hashes[0], hashes[0]]);
  },
  240_000,
);

test('a damaged shard is refused by name, from a thread as well', async () => {
  const gradients = join(root, 'int8/tive-store/artifacts/gradients');
  const shard = join(gradients, readdirSync(gradients)[0]!, 'gradients-00001-of-00007.arrow');
  const bytes = readFileSync(shard);
  bytes[bytes.length >> 1]! ^= 1;
  writeFileSync(shard, bytes);
  const { done } = await estimate('int8', 2);
  expect(done.exitCode, done.stderr).toBe(2);
  expect(done.stderr).toMatch(/gradients-00001-of-00007\.arrow: sha256 must be [0-9a-f]{64}, got/);
}, 120_000);
