import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
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
