// `tive benchmark` and `tive run --seeds` as a person gives them: the files, what is said, and a kill in the middle.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { tive } from '../in-process.ts';
import { writeSmallDataset } from '../small-dataset.ts';
import { resultHashes, startTive, tiveProcess } from '../tive-process.ts';
import type { Finished } from '../tive-process.ts';

const root = mkdtempSync(join(tmpdir(), 'tive-benchmark-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const SETTINGS = ['finetune.epochs=2', 'warmup.epochs=2', 'evaluation.max_rows=50', 'run.seed=7', 'benchmark.lds=3'];
const FOLDER = 'runs/small-benchmark';

function freshFolder(name: string): string {
  const folder = join(root, name);
  mkdirSync(folder);
  writeSmallDataset(folder);
  return folder;
}

const seedsFolder = freshFolder('seeds');
let seeds: Finished;
beforeAll(async () => {
  seeds = await tiveProcess(seedsFolder, 'run', 'recipe.yaml', ...SETTINGS, '--seeds', '2', '--processes', '1');
}, 180_000);

test('run --seeds compares the recipe’s own methods over as many seeds and says what was shown', () => {
  expect(seeds.exitCode, seeds.stderr).toBe(0);
  expect(seeds.stderr).toContain('4 trainings: tive, random with 2 seeds, and 3 on random halves of the rows\n');
  expect(seeds.stderr).toMatch(/about \d+ (s|min) in all, by a probe of this machine, on 1 process\n/);
  expect(seeds.stderr).toMatch(/seed-[78]\/15-percent\/epochs: tive \d+\.\d %, random \d+\.\d %/);
  expect(seeds.stdout).toMatch(/^15\u00a0% of the rows, equal epochs, 2 seeds\nmethod +accuracy +minus random/);
  expect(seeds.stdout).toContain('Fewer than 10 seeds leave the intervals themselves uncertain.');
  expect(seeds.stdout).toMatch(
    /^Linear datamodelling score of gradient cosines: .+, over 3 random halves of the rows/m,
  );
  expect(seeds.stdout).toContain(`page: ${FOLDER}/benchmark.html`);
});

test('the folder holds the page, a line for each training and task, and all numbers as JSON', async () => {
  const folder = join(seedsFolder, FOLDER);
  const lines = await parquetReadObjects({
    file: new Uint8Array(readFileSync(join(folder, 'results.parquet'))).buffer,
  });
  const named = lines.map(({ seed, method, task }) => `${String(seed)} ${String(method)} ${String(task)}`);
  // Two seeds, two methods, three tasks.
  expect(new Set(named).size).toBe(12);
  expect(readFileSync(join(folder, 'benchmark.html'), 'utf8')).toContain('<h1>tive benchmark');
  const { seeds: counted, tables, lds } = JSON.parse(readFileSync(join(folder, 'benchmark.json'), 'utf8'));
  expect(counted).toEqual([7, 8]);
  expect(lds).toMatchObject({ subset_count: 3, unmatched_count: 0 });
  expect(lds.row_count + lds.constant_count).toBeGreaterThan(0);
  expect(Math.abs(lds.score)).toBeLessThanOrEqual(1);
  expect(tables[0].methods.map(({ method }: { method: string }) => method)).toEqual(['tive', 'random']);
});

test('a benchmark whose command is killed goes on from the store and ends with the same numbers', async () => {
  const folder = freshFolder('killed');
  const words = ['benchmark', 'recipe.yaml', ...SETTINGS, '--seeds', '2', '--methods', 'tive,random'];
  const struck = startTive(folder, ...words, '--processes', '1');
  await vi.waitFor(() => expect(existsSync(join(folder, 'tive-store/artifacts/finetune'))).toBe(true), {
    timeout: 90_000,
    interval: 50,
  });
  struck.child.kill('SIGKILL');
  await struck.finished;
  const done = await tive(folder, ...words, '--processes', '1', '--quiet');
  expect(done.exitCode, done.stderr).toBe(0);
  expect(done.stdout).toBe(seeds.stdout);
  expect(resultHashes(folder)).toEqual(resultHashes(seedsFolder));
  const table = (where: string): Buffer => readFileSync(join(where, FOLDER, 'results.parquet'));
  expect(table(folder)).toEqual(table(seedsFolder));
}, 180_000);

test('status and list say what a finished benchmark is', async () => {
  const status = await tive(seedsFolder, 'status', 'small-benchmark');
  expect(status.stdout).toMatch(/^small-benchmark: completed\nseed-7\/15-percent\/epochs: tive /);
  expect(status.stdout).toContain('5 of 5 runs done\n');
  expect(status.stdout).toContain('Fewer than 10 seeds');
  expect((await tive(seedsFolder, 'list')).stdout).toMatch(/small-benchmark .* done/);
});

test.each([
  [['benchmark', 'recipe.yaml', 'evaluation.path=null'], 'evaluation.path: must name test rows for a benchmark'],
  [['benchmark', 'recipe.yaml', '--methods', 'tive,best'], 'benchmark.methods'],
  [['run', 'recipe.yaml', '--seeds', '3', '--until', 'values'], '--seeds: must stand without --until'],
])('%s is refused before any work', async (words, said) => {
  const refused = await tive(seedsFolder, ...words);
  expect(refused.exitCode).toBe(2);
  expect(refused.stderr).toContain(said);
});
