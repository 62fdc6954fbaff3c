import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { TaskQuality } from '../../../client/export/row-quality.ts';
import type { RunComparison } from '../../../client/runs/compare-runs.ts';
import type { ListedRun } from '../../../client/runs/list-runs.ts';
import type { ShownRow } from '../../../client/runs/show-row.ts';
import { USABLE_ROWS, writeSmallDataset } from '../small-dataset.ts';
import { tive, useCluster } from '../in-process.ts';

const root = mkdtempSync(join(tmpdir(), 'tive-look-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const cluster = useCluster();

const json = async <Found>(...words: string[]): Promise<Found> => {
  const { stdout, exitCode, stderr } = await tive(root, ...words, '--json');
  expect(exitCode, stderr).toBe(0);
  return JSON.parse(stdout) as Found;
};

beforeAll(async () => {
  writeSmallDataset(root);
  const server = ['--address', cluster.address];
  expect((await tive(root, 'run', 'recipe.yaml', '--until', 'selection', ...server)).exitCode).toBe(0);
  expect((await tive(root, 'select', 'small', '--method', 'random', '--name', 'other', ...server)).exitCode).toBe(0);
}, 120_000);

describe('list', () => {
  test('names runs with their state, the newest first', async () => {
    const runs = await json<ListedRun[]>('list');
    expect(runs.map(({ runName, state, method, selectedCount }) => [runName, state, method, selectedCount])).toEqual([
      ['other', 'done', 'random', 8],
      ['small', 'done', 'tive', 8],
    ]);
    expect((await tive(root, 'list')).stdout).toMatch(
      /^other {2}\d{4}-\d\d-\d\d \d\d:\d\d {2}done .* random 8 of 59 rows\n/,
    );
    expect((await tive(root, 'list', '--runs', 'none')).stdout).toBe('no runs below none; tive run RECIPE makes one\n');
  });

  test('names presets and stages', async () => {
    expect((await tive(root, 'list', 'presets')).stdout).toMatch(/^demo +the bundled pictures/);
    expect((await json<{ name: string }[]>('list', 'stages')).map(({ name }) => name)).toHaveLength(9);
  });
});

describe('quality', () => {
  test('writes a line a row and says of each task what is suspect and what is copied', async () => {
    const { stdout, exitCode, stderr } = await tive(root, 'quality', 'small', '-o', 'found/quality.parquet');
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toMatch(/^task +rows +suspect answers +near-copies +largest groups\nname +24 /);
    expect(stdout).toContain(`found/quality.parquet  ${USABLE_ROWS} rows\n`);
    const bytes = new Uint8Array(readFileSync(join(root, 'found/quality.parquet')));
    const lines = await parquetReadObjects({ file: bytes.buffer });
    expect(lines).toHaveLength(USABLE_ROWS);
    const indices = lines.map(({ row_index: index }) => Number(index));
    expect(indices).toEqual(indices.toSorted((left, right) => left - right));
    for (const { task, loss, loss_percentile: share, representative, near_copies: size } of lines) {
      const own = lines.filter((line) => line['task'] === task);
      expect(share).toBeCloseTo(own.filter((line) => Number(line['loss']) <= Number(loss)).length / own.length, 12);
      expect(own.filter((line) => line['representative'] === representative)).toHaveLength(Number(size));
      expect(own.some((line) => line['row_index'] === representative)).toBe(true);
    }
    const tasks = await json<TaskQuality[]>('quality', 'small');
    expect(tasks.map(({ task, rowCount }) => [task, rowCount])).toEqual([
      ['name', 24],
      ['sum', 12],
      ['tell', 20],
    ]);
    for (const { task, copyShare } of tasks) {
      const own = lines.filter((line) => line['task'] === task);
      const copies = own.filter((line) => line['representative'] !== line['row_index']);
      expect(copyShare).toBeCloseTo(copies.length / own.length, 12);
    }
  });
});

describe('compare', () => {
  test('a run with itself agrees in all', async () => {
    const found = await json<RunComparison>('compare', 'small', 'small');
    expect(found).toMatchObject({ jaccard: 1, instanceValueTau: 1, taskValueTau: 1, commonRowCount: USABLE_ROWS });
  });

  test('two selections of the same values differ in rows and mixture alone', async () => {
    const { selectedCounts, sharedCount, jaccard, instanceValueTau, mixtures } = await json<RunComparison>(
      'compare',
      'small',
      'other',
    );
    expect(selectedCounts).toEqual([8, 8]);
    expect(jaccard).toBeCloseTo(sharedCount / (16 - sharedCount), 12);
    expect(jaccard).toBeLessThan(1);
    expect(instanceValueTau).toBe(1);
    for (const side of [0, 1] as const)
      expect(mixtures.reduce((sum, { shares }) => sum + shares[side], 0)).toBeCloseTo(1, 12);
    expect((await tive(root, 'compare', 'small', 'other')).stdout).toMatch(
      /^selected +8 by small, 8 by other, \d+ by both\nJaccard/,
    );
  });

  test('a run that is not there is refused', async () => {
    expect(await tive(root, 'compare', 'small', 'none')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/must have a result/) as string,
    });
  });
});

describe('show', () => {
  test('gives a row’s dialogue, picture, values and nearest rows', async () => {
    const row = await json<ShownRow>('show', 'small', '0');
    expect(row).toMatchObject({ rowIndex: 0, task: 'name', reason: null, copies: expect.any(Number) as number });
    expect(row.turns.map(({ role }) => role)).toEqual(['human', 'gpt']);
    expect(row.images).toEqual([expect.stringMatching(/images\/\w+\.png$/)]);
    expect(row.values!.rank).toBeLessThanOrEqual(row.values!.taskRowCount);
    expect(row.values!.taskRowCount).toBe(24);
    expect(row.nearest).toHaveLength(5);
    const cosines = row.nearest.map(({ cosine }) => cosine);
    expect(cosines).toEqual([...cosines].sort((left, right) => right - left));
    expect(cosines[0]).toBeLessThanOrEqual(1 + 1e-9);
    expect((await tive(root, 'show', 'small', '0')).stdout).toMatch(/^row 0 {2}name {2}(selected|not selected)/);
  });

  test('says why a row was set aside, and that a row is not there', async () => {
    expect(await json<ShownRow>('show', 'small', '7')).toMatchObject({
      reason: 'image_missing',
      values: null,
      nearest: [],
    });
    expect(await tive(root, 'show', 'small', '59')).toMatchObject({
      exitCode: 2,
      stderr: 'show: row must be from 0 to 58, got 59\n',
    });
    expect((await tive(root, 'show', 'small', 'x')).exitCode).toBe(2);
  });
});

describe('a run on a cluster, left alone by the command that started it', () => {
  const settings = ['allocation.approval=required', 'finetune.enabled=false', 'run.name=alone'];
  const detached = (...words: string[]) =>
    tive(root, 'run', 'recipe.yaml', ...settings, ...words, '--address', cluster.address, '--detach');
  const until = (pattern: RegExp) =>
    vi.waitFor(async () => expect((await tive(root, 'status', 'alone')).stdout).toMatch(pattern), {
      timeout: 60_000,
      interval: 200,
    });

  test('is followed, refused to other recipes, approved of and fetched by its name', async () => {
    const begun = await detached();
    expect(begun).toMatchObject({ exitCode: 0, stdout: '' });
    expect(begun.stderr).toBe(
      `run alone goes on at ${cluster.address}: tive status alone shows it, tive report alone fetches it\n`,
    );
    await until(/^alone: running {2}on 127[^]*allocation: 8 rows over 3 tasks wait for approval\n[^]*waiting: /);
    expect((await tive(root, 'status', 'alone')).exitCode).toBe(3);
    expect((await json<ListedRun[]>('list')).find(({ runName }) => runName === 'alone')?.state).toBe('running');
    expect(await tive(root, 'report', 'alone')).toMatchObject({
      exitCode: 2,
      stderr: `run: must have completed, got "alone" running on ${cluster.address}; tive status alone shows it\n`,
    });

    expect((await detached()).exitCode).toBe(0);
    copyFileSync(join(root, 'recipe.yaml'), join(root, 'b.yaml'));
    const words = ['run', 'b.yaml', ...settings, 'selection.lambda=1', '--address', cluster.address, '--detach'];
    const other = await tive(root, ...words);
    expect(other.exitCode).toBe(2);
    expect(other.stderr).toMatch(
      /^run\.name: must be that of one recipe, got "alone", which is open with recipe\.yaml \(sha256 \w{12}…\), for b\.yaml \(sha256 \w{12}…\); tive status/,
    );
    expect(readFileSync(join(root, 'runs/alone/recipe.resolved.yaml'), 'utf8')).toContain('lambda: 3');

    expect((await tive(root, 'approve', 'alone')).exitCode).toBe(0);
    await until(/^alone: completed {2}on 127[^]*report: tive report alone\n$/);
    expect((await json<ListedRun[]>('list')).find(({ runName }) => runName === 'alone')?.state).toBe('done');
    expect(await tive(root, 'report', 'alone')).toMatchObject({ exitCode: 0, stdout: 'runs/alone/report.html\n' });
    expect((await tive(root, 'export', 'alone', '--to', 'indices')).exitCode).toBe(0);
  }, 120_000);

  test('whose cluster is gone is told from what is on the disk', async () => {
    writeFileSync(join(root, 'runs/alone/cluster.json'), JSON.stringify({ address: '127.0.0.1:1', namespace: null }));
    const status = await tive(root, 'status', 'alone');
    expect(status.stdout).toMatch(
      /^alone: completed {2}on 127\.0\.0\.1:1\ndataset: cached[^]*server must answer at 127/,
    );
  }, 60_000);
});

describe('a run of this machine that was stopped', () => {
  test('shows how far it got, and a failed one why', async () => {
    const folder = join(root, 'runs/stopped');
    mkdirSync(folder);
    const line = { detail: '', doneCount: 1, totalCount: 4, startedAtMs: 1, durationMs: null };
    const stages = [
      { ...line, stage: 'dataset', state: 'done', detail: '59 rows', durationMs: 2000 },
      { ...line, stage: 'warmup', state: 'running' },
      { ...line, stage: 'gradients', state: 'waiting' },
    ];
    const record = (reason: string | null) =>
      writeFileSync(join(folder, 'progress.json'), JSON.stringify({ stages, reason }));
    record(null);
    const known = 'stopped\ndataset: done  59 rows  2 s\nwarmup: 25 %';
    expect((await tive(root, 'status', 'stopped')).stdout).toMatch(
      new RegExp(`^stopped: ${known}.*\nwaiting: gradients\ntive run RECIPE goes on with what is done\n$`),
    );
    record('no space left on device');
    const failed = await tive(root, 'status', 'stopped');
    expect(failed.exitCode).toBe(0);
    expect(failed.stdout).toContain('stopped: failed\n');
    expect(failed.stdout).toContain('\nreason: no space left on device\n');
  });
});
