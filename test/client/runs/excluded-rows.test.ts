// Rows that a recipe leaves out by name: in a new selection, in a new run, in what is said of them.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { excludedList } from '../../../client/export/excluded-list.ts';
import { namedRun } from '../../../client/runs/find-run.ts';
import type { RunResult } from '../../../contracts/messages/run.ts';
import { readRowTable, STATES } from '../../../page/server/row-table.ts';
import { LocalStore } from '../../../store/local-store.ts';
import { readCopies } from '../../../tables/selection.ts';
import { tive, useCluster } from '../in-process.ts';
import { writeSmallDataset } from '../small-dataset.ts';

const folder = mkdtempSync(join(tmpdir(), 'tive-excluded-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const cluster = useCluster();
const server = (): string[] => ['--address', cluster.address];

function resultOf(run: string): RunResult {
  return JSON.parse(readFileSync(join(folder, 'runs', run, 'result.json'), 'utf8')) as RunResult;
}

async function selectedOf(run: string): Promise<number[]> {
  const { selection } = resultOf(run).methods[0]!;
  return [...(await readCopies(new LocalStore(join(folder, 'tive-store')), selection!.selection)).keys()];
}

let drawn: number;
beforeAll(async () => {
  writeSmallDataset(folder);
  const done = await tive(folder, 'run', 'recipe.yaml', '--until', 'selection', ...server());
  expect(done.exitCode, done.stderr).toBe(0);
  [drawn] = (await selectedOf('small')) as [number];
  const { bytes, count } = await excludedList(resultOf('small'), [drawn]);
  expect(count).toBe(1);
  writeFileSync(join(folder, 'left-out.txt'), Buffer.concat([...bytes, Buffer.from('nobody\n')]));
}, 180_000);

test('a new selection is without them, from the gradients that are there, and says so', async () => {
  const selected = await tive(folder, 'select', 'small', 'dataset.exclude_rows=left-out.txt', '--name', 'fewer');
  expect(selected.exitCode, selected.stderr).toBe(0);
  const fewer = resultOf('fewer');
  expect(fewer.gradients).toEqual(resultOf('small').gradients);
  expect(fewer.warnings).toContain('dataset.exclude_rows: 1 row is left out of values and selection');
  expect(fewer.warnings.join('\n')).toContain('got 1 of 2 that no row has: "nobody"');
  expect(readFileSync(join(folder, 'runs/fewer/report.html'), 'utf8')).toContain('1 row is left out of values');
  expect(await selectedOf('fewer')).not.toContain(drawn);
  expect((await tive(folder, 'show', 'fewer', String(drawn))).stdout).toContain('left out by dataset.exclude_rows');
  const table = await readRowTable(fewer, (await namedRun('fewer', join(folder, 'runs'))).folder);
  expect([table.reason.at(drawn), STATES[table.state[drawn]!]]).toEqual(['exclude_rows', 'left_out']);
});

test('a new run is without them, with the model and the gradients of the one before', async () => {
  const words = ['dataset.exclude_rows=left-out.txt', 'run.name=again', '--until', 'selection'];
  const done = await tive(folder, 'run', 'recipe.yaml', ...words, ...server());
  expect(done.exitCode, done.stderr).toBe(0);
  expect(done.stderr).toContain('gradients: cached');
  const [again, before] = [resultOf('again'), resultOf('small')];
  expect([again.warmup?.adapter, again.gradients?.gradients]).toEqual([
    before.warmup?.adapter,
    before.gradients?.gradients,
  ]);
  expect(await selectedOf('again')).not.toContain(drawn);
});

test('a list of which no name is that of a row is refused', async () => {
  writeFileSync(join(folder, 'nobody.txt'), 'nobody\n');
  expect(await tive(folder, 'select', 'small', 'dataset.exclude_rows=nobody.txt')).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('got 1 of 1 that no row has: "nobody"') as string,
  });
  expect(await tive(folder, 'run', 'recipe.yaml', 'dataset.exclude_rows=none.txt', ...server())).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('dataset.exclude_rows: file must exist') as string,
  });
});
