// What is made from a gradient table that is there: values by threads, rounds; and what a damaged one does.
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import type { RunResult } from '../../../contracts/messages/run.ts';
import { LocalStore } from '../../../store/local-store.ts';
import { readCopies } from '../../../tables/selection.ts';
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

test('a selection of two rounds takes its budget from what the first round left, valued by a model that was tuned on it', async () => {
  const folder = join(root, 'float32');
  const settings = ['gradients.storage=float32', 'selection.rounds=2', 'allocation.budget_rows=8', 'finetune.epochs=1'];
  const few = ['evaluation.compare=[]', 'evaluation.max_rows=8', 'run.name=rounds'];
  const done = await tive(folder, 'run', 'recipe.yaml', ...settings, ...few, '--address', cluster.address);
  expect(done.exitCode, done.stderr).toBe(0);
  const { rounds, methods } = JSON.parse(readFileSync(join(folder, 'runs/rounds/result.json'), 'utf8')) as RunResult;
  // Of 56 rows √(56 · 8) = 21 are left for the second round.
  expect(rounds!.map(({ fromCount, rowCount }) => [fromCount, rowCount])).toEqual([[56, 21]]);
  const store = new LocalStore(join(folder, 'tive-store'));
  const [left, chosen] = await Promise.all(
    [rounds![0]!.selection, methods[0]!.selection!].map(({ selection }) => readCopies(store, selection)),
  );
  expect(chosen!.size).toBe(8);
  expect([...chosen!.keys()].filter((row) => !left!.has(row))).toEqual([]);
  const report = readFileSync(join(folder, 'runs/rounds/report.html'), 'utf8');
  expect(report).toContain('<h2 id="rounds-title">');
}, 120_000);

test('LESS as it was published: scaled gradients at every checkpoint of the warm-up, by the learning rate', async () => {
  const folder = join(root, 'float32');
  const less = ['selection.method=less', 'selection.queries=evaluation', 'selection.query_checkpoints=all'];
  const scaled = ['gradients.preconditioner=adam', 'warmup.trajectory=2', 'warmup.epochs=2'];
  const few = ['gradients.storage=float32', 'evaluation.max_rows=8', 'allocation.budget_rows=8', 'run.name=less'];
  const words = [...less, ...scaled, ...few, '--until', 'selection', '--address', cluster.address];
  const done = await tive(folder, 'run', 'recipe.yaml', ...words);
  expect(done.exitCode, done.stderr).toBe(0);
  const result = JSON.parse(readFileSync(join(folder, 'runs/less/result.json'), 'utf8')) as RunResult;
  const { warmup, gradients, queries, earlierGradients, methods } = result;
  const [steps, [own]] = [warmup!.trajectory!, earlierGradients!.checkpoints];
  expect(own!.step).toBe(steps[0]);
  const tables = [gradients!.gradients, queries!.gradients, own!.gradients, own!.queries!].map(({ sha256 }) => sha256);
  expect(new Set(tables).size).toBe(4);
  expect(own!.rate).toBeGreaterThan(earlierGradients!.lastRate);
  expect(methods[0]!.selection!.rowCount).toBe(8);
  const again = await tive(folder, 'select', 'less', 'selection.query_checkpoints=last', '--address', cluster.address);
  expect(again.exitCode, again.stderr).toBe(0);
}, 120_000);

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
