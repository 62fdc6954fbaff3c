import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startEmbeddedServer } from '../../../client/cluster/embedded-server.ts';
import type { EmbeddedServer } from '../../../client/cluster/embedded-server.ts';
import type { RunResult } from '../../../contracts/messages/run.ts';
import { prepareTemporal } from '../../../setup/temporal.ts';
import { writeSmallDataset } from '../small-dataset.ts';
import { tive } from '../in-process.ts';
import { startTive, tiveProcess } from '../tive-process.ts';
import type { Finished, TiveProcess } from '../tive-process.ts';

const root = mkdtempSync(join(tmpdir(), 'tive-schedule-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const SHORT = ['finetune.enabled=false', 'warmup.epochs=2'];

function resultOf(folder: string): RunResult {
  return JSON.parse(readFileSync(join(folder, 'runs/small/result.json'), 'utf8')) as RunResult;
}

/** Adds one row at the end of the dataset's file. */
function addRow(folder: string, id: number): void {
  const path = join(folder, 'train.json');
  const rows = JSON.parse(readFileSync(path, 'utf8').replace('\ufeff', '')) as unknown[];
  const turns = [
    { from: 'human', value: `What is ${id} and 1?` },
    { from: 'gpt', value: String(id + 1) },
  ];
  writeFileSync(path, JSON.stringify([...rows, { id, dataset: 'sum', conversations: turns }]));
}

describe('a schedule on a cluster', () => {
  let folder: string;
  let server: EmbeddedServer;
  let worker: TiveProcess;
  const schedule = (...args: string[]): Promise<Finished> =>
    tive(folder, 'schedule', ...args, '--address', server.address);

  beforeAll(async () => {
    folder = join(root, 'cluster');
    mkdirSync(folder);
    writeSmallDataset(folder);
    const { path } = await prepareTemporal(() => undefined);
    server = await startEmbeddedServer({
      program: path,
      databasePath: join(folder, 'server/temporal.db'),
      withUi: false,
      isFresh: true,
    });
    await vi.waitFor(async () => expect((await schedule('list')).exitCode).toBe(0), { timeout: 60_000, interval: 500 });
    worker = startTive(folder, 'worker', 'all', '--address', server.address, '--processes', '1');
  }, 120_000);
  afterAll(async () => {
    worker.child.kill('SIGTERM');
    expect((await worker.finished).exitCode).toBe(0);
    await server.stop();
  }, 60_000);

  test('is created once, listed and described', async () => {
    const created = await schedule('create', 'recipe.yaml', ...SHORT, '--every', '6h');
    expect(created).toMatchObject({ exitCode: 0, stdout: 'small is scheduled; tive schedule describe small\n' });
    const twice = await schedule('create', 'recipe.yaml', ...SHORT, '--every', '6h');
    expect(twice).toMatchObject({
      exitCode: 2,
      stderr: 'schedule: name must be new, got "small", which exists; delete it first\n',
    });
    expect((await schedule('list')).stdout).toBe('small\n');
    expect((await schedule('describe', 'small')).stdout).toMatch(
      /^small: active, 0 runs started, 0 skipped because one was at work\nnext: \d{4}-/,
    );
  }, 60_000);

  test('two triggers at once give one run', async () => {
    const trigger = ['schedule', 'trigger', 'small', '--address', server.address];
    const triggered = await Promise.all([tiveProcess(folder, ...trigger), tiveProcess(folder, ...trigger)]);
    for (const { exitCode, stderr } of triggered) expect(exitCode, stderr).toBe(0);
    const done = await schedule('result', 'small');
    expect(done.exitCode, done.stderr).toBe(0);
    expect(resultOf(folder).reselection).toBeNull();
    // The server takes two triggers that reach it in one step as one.
    expect((await schedule('describe', 'small')).stdout).toMatch(/^small: active, 1 runs started, [01] skipped/);
  }, 120_000);

  test('unchanged data ends with the last result; a new row is the only one to get a gradient', async () => {
    await schedule('trigger', 'small');
    await vi.waitFor(
      async () => expect((await schedule('describe', 'small')).stdout).toContain('2 runs started'),
      30_000,
    );
    await schedule('result', 'small');
    expect(resultOf(folder).reselection).toMatchObject({ unchanged: true });
    addRow(folder, 700);
    await schedule('trigger', 'small');
    await vi.waitFor(
      async () => expect((await schedule('describe', 'small')).stdout).toContain('3 runs started'),
      30_000,
    );
    const done = await schedule('result', 'small');
    expect(done.stdout).toMatch(
      /^reference model kept: 1\.8 % of the rows are new, within the limit of 25\.0 %\n\d rows stayed, \d entered, \d left \(Jaccard [01]\.\d{3}\)\n/,
    );
    expect(resultOf(folder)).toMatchObject({ reselection: { newRowCount: 1, referenceModel: 'kept' } });
    // Its runs are those of the name, the newest of them.
    const elsewhere = ['--runs', 'none', '--address', server.address];
    expect((await tive(folder, 'list', ...elsewhere)).stdout).toMatch(/^small  .* done  +tive on the cluster\n$/);
    expect((await tive(folder, 'status', 'small', ...elsewhere)).stdout).toMatch(/^small: completed/);
    expect(resultOf(folder)).toEqual(JSON.parse(readFileSync(join(folder, 'none/small/result.json'), 'utf8')));
  }, 180_000);

  test('is paused, resumed and deleted', async () => {
    await schedule('pause', 'small');
    expect((await schedule('describe', 'small')).stdout).toMatch(/^small: paused, .*\nnext: none\n/);
    await schedule('resume', 'small');
    expect((await schedule('describe', 'small')).stdout).toMatch(/^small: active/);
    expect((await schedule('delete', 'small')).stdout).toBe('small is deleted\n');
    expect(await schedule('describe', 'small')).toMatchObject({
      exitCode: 2,
      stderr: 'schedule: must exist, got no "small"\n',
    });
  }, 60_000);

  test.each<[string[], string]>([
    [['--every', '6 weeks'], 'schedule: --every must be a time such as 30m, 6h or 1d, got "6 weeks"\n'],
    [['--cron', 'daily'], 'schedule: --cron must have five fields, got "daily"\n'],
    [[], 'schedule: exactly one of --every, --cron must be given, got neither\n'],
    [['--every', '6h', '--cron', '0 3 * * *'], 'schedule: exactly one of --every, --cron must be given, got both\n'],
  ])('times %j are refused', async (times, message) => {
    expect(await schedule('create', 'recipe.yaml', ...times)).toMatchObject({ exitCode: 2, stderr: message });
  });
});

test('run --on-change runs again when the data has changed and come to rest', async () => {
  const folder = join(root, 'watch');
  mkdirSync(folder);
  writeSmallDataset(folder);
  const watching = startTive(
    folder,
    'run',
    'recipe.yaml',
    ...SHORT,
    '--on-change',
    '--until',
    'selection',
    '--processes',
    '1',
  );
  const reached = (check: (result: RunResult) => void) =>
    vi.waitFor(() => check(resultOf(folder)), { timeout: 90_000, interval: 200 });
  await reached(({ dataset, reselection }) => expect([dataset?.usableCount, reselection]).toEqual([56, null]));
  addRow(folder, 800);
  await reached(({ dataset, reselection }) =>
    expect([dataset?.usableCount, reselection?.newRowCount]).toEqual([57, 1]),
  );
  watching.child.kill('SIGINT');
  expect((await watching.finished).exitCode).toBe(130);
}, 180_000);
