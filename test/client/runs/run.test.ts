import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunResult } from '../../../contracts/messages/run.ts';
import { expectActivityLines, expectFilesOfRun, expectPrivate } from './folder-claims.ts';
import { BAD_ROWS, modelFolder, USABLE_ROWS, writeSmallDataset } from '../small-dataset.ts';
import { tive, useCluster } from '../in-process.ts';
import { hashesOf, tiveProcess } from '../tive-process.ts';
import type { Finished } from '../tive-process.ts';

const root = mkdtempSync(join(tmpdir(), 'tive-run-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function freshFolder(name: string, settings = ''): string {
  const folder = join(root, name);
  mkdirSync(folder);
  writeSmallDataset(folder, settings);
  return folder;
}

function resultOf(folder: string, run = 'small'): RunResult {
  return JSON.parse(readFileSync(join(folder, 'runs', run, 'result.json'), 'utf8')) as RunResult;
}

const BUDGET = Math.round(0.15 * USABLE_ROWS);

const cluster = useCluster();

/** A run on the cluster of this file. */
const run = (folder: string, ...words: string[]): Promise<Finished> =>
  tive(folder, 'run', 'recipe.yaml', ...words, '--address', cluster.address);

const TABLES: [string, string][] = [
  ['values', 'values.arrow'],
  ['selection', 'selection.arrow'],
  ['warmup', 'adapter_model.safetensors'],
  ['finetune', 'adapter_model.safetensors'],
];
const hashes = (folder: string): string[][] =>
  TABLES.map(([stage, name]) => hashesOf(join(folder, 'tive-store'), stage, name));

/** A whole run with one compute process: its folder, what it said, and its bytes. */
const folder = freshFolder('whole');
let first: Finished;
let reference: string[][];
beforeAll(async () => {
  first = await tiveProcess(folder, 'run', 'recipe.yaml', '--processes', '1');
  expect(first.exitCode, first.stderr).toBe(0);
  reference = hashes(folder);
}, 180_000);

describe('a recipe of one’s own, run by the command line', () => {
  test('ends with a verdict, the place of the report and exit code 0', () => {
    expect(first.exitCode, first.stderr).toBe(0);
    expect(first.stdout).toMatch(
      /^Fine-tuning was not shown .*\. tive kept 8 of 56 usable rows \(14\.3\u00a0%\) and reached /,
    );
    expect(first.stdout).toContain('\n3 rows were set aside: runs/small/quarantine.jsonl\n');
    expect(first.stdout).toMatch(
      /\nreport: runs\/small\/report\.html\nsubset: .*tive(\.mjs)? export small --to llava\n$/,
    );
  });

  test('leaves its files in the run folder, and neither server nor half-written files', () => {
    expectFilesOfRun(folder);
    expectPrivate(folder);
    expectActivityLines(folder);
  });

  test('writes every training step as a line of metrics', () => {
    const lines = readFileSync(join(folder, 'runs/small/metrics.jsonl'), 'utf8').trim().split('\n');
    const steps = lines.map((line) => JSON.parse(line) as { stage: string; method: string | null; loss: number });
    const { warmup, methods } = resultOf(folder);
    const count = (stage: string, method: string | null) =>
      steps.filter((step) => step.stage === stage && step.method === method).length;
    expect(count('warmup', null)).toBe(warmup!.stepCount);
    for (const { method, finetune } of methods) expect(count('finetune', method)).toBe(finetune!.stepCount);
    expect(steps[0]!.loss).toBe(warmup!.firstLoss);
  });

  test('validate writes the bad rows over no file but one of bad rows', async () => {
    const validated = await tive(folder, 'data', 'validate', 'recipe.yaml');
    expect(validated.exitCode, validated.stderr).toBe(0);
    expect(readFileSync(join(folder, 'quarantine.jsonl'), 'utf8').trimEnd().split('\n')).toHaveLength(BAD_ROWS);
    expect((await tive(folder, 'data', 'validate', 'recipe.yaml')).exitCode).toBe(0);
    expect(await tive(folder, 'data', 'validate', 'recipe.yaml', '-o', 'train.json')).toMatchObject({
      exitCode: 2,
      stderr:
        'data validate: output must be a new file or one of rows set aside, got "train.json"; name another with -o\n',
    });
    expect(await tive(folder, 'data', 'validate', 'recipe.yaml', '-o', 'no/where.jsonl')).toMatchObject({
      exitCode: 2,
      stderr: '"no/where.jsonl": file or folder must exist, got none (ENOENT)\n',
    });
    rmSync(join(folder, 'quarantine.jsonl'));
  });

  test('sets the bad rows aside, each with its reason', () => {
    const { dataset } = resultOf(folder);
    expect(dataset?.rowCount).toBe(USABLE_ROWS + BAD_ROWS);
    expect(dataset?.quarantined).toEqual([
      { reason: 'answer_empty', count: 1 },
      { reason: 'answer_missing', count: 1 },
      { reason: 'image_missing', count: 1 },
    ]);
    const lines = readFileSync(join(folder, 'runs/small/quarantine.jsonl'), 'utf8').trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { row_index: number }).row_index)).toEqual([7, 31, 58]);
  });

  test('export --to llava holds the selected rows, copied byte for byte', async () => {
    const exported = await tive(folder, 'export', 'small', '--to', 'llava');
    expect(exported).toMatchObject({ exitCode: 0, stdout: `runs/small/export/llava.json  ${BUDGET} rows\n` });
    const text = readFileSync(join(folder, 'runs/small/export/llava.json'), 'utf8');
    const rows = text.slice('[\n'.length, -'\n]\n'.length).split(/,\n(?=\{)/);
    const source = readFileSync(join(folder, 'train.json'), 'utf8');
    expect(JSON.parse(text)).toHaveLength(BUDGET);
    expect(rows).toHaveLength(BUDGET);
    for (const row of rows) expect(source).toContain(row);
  });

  test('export --with-values adds one key to each row and changes nothing else', async () => {
    expect((await tive(folder, 'export', 'small', '--to', 'llava')).exitCode).toBe(0);
    const plain = readFileSync(join(folder, 'runs/small/export/llava.json'), 'utf8').split(/,\n(?=\{)/);
    expect((await tive(folder, 'export', 'small', '--to', 'llava', '--with-values')).exitCode).toBe(0);
    const text = readFileSync(join(folder, 'runs/small/export/llava.json'), 'utf8');
    const rows = JSON.parse(text) as { dataset: string; tive: Record<string, unknown> }[];
    for (const { dataset, tive: values } of rows) {
      expect(values).toMatchObject({ task: dataset, copies: 1, loss: expect.any(Number) as number });
      expect(Object.keys(values)).toEqual(
        expect.arrayContaining(['row_index', 'probability', 'rank', 'gradient_norm', 'el2n', 'mean_of_cosines']),
      );
    }
    const without = text.split(/,\n(?=\{)/).map((row) => row.replace(/, "tive": \{[^}]*\}(?=\s*\})/, ''));
    expect(without).toEqual(plain);
    const refused = await tive(folder, 'export', 'small', '--to', 'csv', '--with-values');
    expect(refused).toMatchObject({
      exitCode: 2,
      stderr: 'export: --with-values must go with llava or jsonl, got csv\n',
    });
  });

  test('--fresh computes everything anew, in a store of its own', async () => {
    const again = await run(folder, 'run.name=fresh', '--until', 'warmup', '--fresh');
    expect(again.exitCode, again.stderr).toBe(0);
    expect(again.stderr).toMatch(/warmup: done/);
    const known = await run(folder, 'run.name=fresh', '--until', 'warmup');
    expect(known.stderr).toMatch(/warmup: cached/);
    expect(readdirSync(join(folder, 'tive-store')).filter((name) => name.startsWith('fresh-'))).toHaveLength(1);
  }, 180_000);

  test('export --to indices and --to adapter write what numpy and peft read', async () => {
    expect((await tive(folder, 'export', 'small', '--to', 'indices')).exitCode).toBe(0);
    const npy = readFileSync(join(folder, 'runs/small/export/selected_indices.npy'));
    const indices = JSON.parse(
      readFileSync(join(folder, 'runs/small/export/selected_indices.json'), 'utf8'),
    ) as number[];
    expect(npy.subarray(0, 8).toString('latin1')).toBe('\x93NUMPY\x01\x00');
    expect(npy.length - 10 - npy.readUInt16LE(8)).toBe(8 * BUDGET);
    expect(indices).toHaveLength(BUDGET);
    const exported = await tive(folder, 'export', 'small', '--to', 'adapter');
    expect(exported).toMatchObject({ exitCode: 0 });
    expect(exported.stdout).toMatch(/^runs\/small\/export\/adapter {2}tuned on 8 rows in \d+ steps\n$/);
    const config = readFileSync(join(folder, 'runs/small/export/adapter/adapter_config.json'), 'utf8');
    expect(JSON.parse(config)).toMatchObject({ base_model_name_or_path: modelFolder });
    expect(readdirSync(join(folder, 'runs/small/export/adapter')).sort()).toEqual([
      'adapter_config.json',
      'adapter_model.safetensors',
      'training.arrow',
    ]);
  });

  test('export --to jsonl and --to sharegpt write the same rows in other forms', async () => {
    const texts = [];
    for (const form of ['llava', 'jsonl', 'sharegpt']) {
      expect((await tive(folder, 'export', 'small', '--to', form)).exitCode).toBe(0);
      const name = { llava: 'llava.json', jsonl: 'rows.jsonl', sharegpt: 'sharegpt/data.json' }[form]!;
      texts.push(readFileSync(join(folder, 'runs/small/export', name), 'utf8'));
    }
    const rows = JSON.parse(texts[0]!) as { image?: string; conversations: { value: string }[] }[];
    expect(
      texts[1]!
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual(rows);
    const talks = JSON.parse(texts[2]!) as { messages: { role: string; content: string }[]; images: string[] }[];
    expect(talks.map(({ images }) => images)).toEqual(
      rows.map(({ image }) => (image === undefined ? [] : [join(folder, 'images', image)])),
    );
    for (const { images } of talks) for (const image of images) expect(existsSync(image)).toBe(true);
    for (const { messages, images } of talks) {
      expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant']);
      expect(messages.map(({ content }) => content.split('<image>').length - 1)).toEqual([images.length, 0]);
    }
    // What was written is read back by the files' own description.
    const inspected = await tive(
      folder,
      'data',
      'inspect',
      'runs/small/export/sharegpt/data.json',
      '--images',
      'images',
    );
    expect(inspected.stdout).toContain(`form          described ${BUDGET}\n`);
    expect(inspected.stdout).toContain('set aside     no row\n');
  });

  test('export --to csv and --to parquet write values and selection of every usable row', async () => {
    expect(await tive(folder, 'export', 'small', '--to', 'csv')).toMatchObject({
      stdout: `runs/small/export/values.csv  ${USABLE_ROWS} rows\n`,
    });
    const [head, ...lines] = readFileSync(join(folder, 'runs/small/export/values.csv'), 'utf8').trimEnd().split('\n');
    expect(lines).toHaveLength(USABLE_ROWS);
    expect((await tive(folder, 'export', 'small', '--to', 'parquet')).exitCode).toBe(0);
    const bytes = readFileSync(join(folder, 'runs/small/export/values.parquet'));
    const rows = await parquetReadObjects({ file: new Uint8Array(bytes).buffer });
    expect(Object.keys(rows[0]!).join(',')).toBe(head);
    const sorted = rows.map(({ row_index: index }) => index as number).sort((left, right) => left - right);
    const source = readFileSync(join(folder, 'train.json'), 'utf8').replace(/^\ufeff/, '');
    const known = JSON.parse(source) as { id: unknown; image?: string }[];
    expect(rows.map(({ row_index: index, id, image }) => [index, id, image ?? undefined])).toEqual(
      sorted.map((index) => [index, String(known[index]!.id), known[index]!.image]),
    );
    const cell = (value: unknown): string => (value === null || value === undefined ? '' : String(value));
    expect(rows.map((row) => Object.values(row).map(cell).join(','))).toEqual(lines);
    const copies = rows.reduce((sum, { copies: count }) => sum + (count as number), 0);
    expect(copies).toBe(BUDGET);
    expect(rows.every(({ copies: count, rank }) => (count === 0) === (rank === null || rank === undefined))).toBe(true);
  });

  test('run again, every stage is cached and the numbers are the same', async () => {
    const before = resultOf(folder);
    const again = await run(folder);
    const after = resultOf(folder);
    expect(again.exitCode, again.stderr).toBe(0);
    const states = after.stages.map(({ stage, state }) => `${stage} ${state}`);
    expect(states).toEqual([
      'dataset cached',
      'warmup cached',
      'gradients cached',
      'values cached',
      'allocation done',
      'selection cached',
      'finetune cached',
      'evaluation cached',
      'report done',
    ]);
    expect(after.methods.map(({ selection }) => selection?.selection)).toEqual(
      before.methods.map(({ selection }) => selection?.selection),
    );
  });

  test('its manifest is a recipe that repeats it', async () => {
    const again = await tive(folder, 'run', 'runs/small/manifest.json', '--address', cluster.address);
    expect(again.exitCode, again.stderr).toBe(0);
    expect(again.stderr).toContain('gradients: cached');
  });

  test('select makes another run from the same gradients, without a compute process', async () => {
    const selected = await tive(
      folder,
      'select',
      'small',
      '--method',
      'task_balanced',
      '--budget',
      '9',
      '--name',
      'other',
    );
    expect(selected.exitCode, selected.stderr).toBe(0);
    expect(selected.stdout).toMatch(/^task_balanced selected 9 rows\n {2}name +3\n {2}sum +3\n {2}tell +3\nreport: /);
    const { methods, gradients } = resultOf(folder, 'other');
    expect(methods.map(({ method }) => method)).toEqual(['task_balanced']);
    expect(gradients).toEqual(resultOf(folder).gradients);
    expect((await tive(folder, 'select', 'small', '--name', 'small')).exitCode).toBe(2);
    const runs = readdirSync(join(folder, 'runs'));
    expect(await tive(folder, 'select', 'small', '--budget', '5000')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/^allocation: budget must be at most 56 usable rows, got 5,?000; /) as string,
    });
    expect(readdirSync(join(folder, 'runs'))).toEqual(runs);
    const taken = await tive(folder, 'select', 'small', '--method', 'random', '--name', 'small');
    expect(taken).toMatchObject({
      exitCode: 2,
      stderr: '--name: must be a new run\'s, got "small", which has a result; name another\n',
    });
  });

  test('select takes settings, but none that the gradients depend on', async () => {
    const settings = ['selection.filters=[near_duplicates]', 'selection.near_duplicate_cosine=0.8'];
    const selected = await tive(folder, 'select', 'small', '--method', 'clusters', ...settings, '--name', 'filtered');
    expect(selected.exitCode, selected.stderr).toBe(0);
    const [made] = resultOf(folder, 'filtered').methods;
    expect(made!.filter!.filters).toEqual(['near_duplicates']);
    expect(made!.selection!.rowCount).toBe(resultOf(folder).methods[0]!.selection!.rowCount);
    expect(await tive(folder, 'select', 'small', 'gradients.sketch=8')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining(
        'of values, allocation, selection, or dataset.exclude_rows, got "gradients.sketch=8"',
      ) as string,
    });
    expect(await tive(folder, 'select', 'small', 'selection.ranks=best')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('selection.ranks: must be one of top, mid, bottom, got "best"') as string,
    });
  });

  test('status and report tell of the finished run', async () => {
    const status = await tive(folder, 'status', 'small');
    expect(status.stdout).toMatch(
      /^small: completed {2}on 127\.0\.0\.1:\d+\ndataset: cached {2}59 rows {2}3 tasks {2}3 quarantined\n/,
    );
    const report = await tive(folder, 'report', 'small');
    expect(report).toMatchObject({ exitCode: 0, stdout: 'runs/small/report.html\n' });
    const page = readFileSync(join(folder, 'runs/small/report.html'), 'utf8');
    expect(page).toContain('<!doctype html>');
    expect(page).not.toMatch(/src="http|href="http/);
  });

  test('a part of the rows is a run of its own', async () => {
    const names: string[] = [];
    for (const limit of [[], ['--limit', '20']]) {
      const done = await run(folder, 'run.name=null', '--until', 'dataset', ...limit);
      expect(done.exitCode, done.stderr).toBe(0);
      const name = /^run (train-[0-9a-f]{8}) is done/.exec(done.stdout)![1]!;
      names.push(name);
      const list = `runs/${name}/quarantine.jsonl`;
      const lines = readFileSync(join(folder, list), 'utf8').trim().split('\n');
      expect(done.stdout).toContain(`\n${lines.length} rows were set aside: ${list}\n`);
    }
    expect(new Set(names).size).toBe(2);
  }, 60_000);

  test('test rows that cannot be used are refused before any work, and by data validate', async () => {
    const settings = ['run.name=test-rows', 'evaluation.image_folder=runs', 'warmup.epochs=3'];
    const problem =
      /evaluation\.path: quarantined share must be at most [\d.]+, got [\d.]+ \(\d+ of \d+, mostly image_missing\); check/;
    const refused = await run(folder, ...settings);
    expect(refused).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(problem) as string });
    expect(refused.stderr).not.toContain('warmup: done');
    const validated = await tive(folder, 'data', 'validate', 'recipe.yaml', ...settings, '-o', 'test-rows.jsonl');
    expect(validated).toMatchObject({ exitCode: 2, stdout: expect.stringMatching(problem) as string });
  }, 60_000);

  test('a task without a usable row may be left out', async () => {
    const rows = JSON.parse(readFileSync(join(folder, 'train.json'), 'utf8').replace('\ufeff', '')) as object[];
    writeFileSync(join(folder, 'more.json'), JSON.stringify([...rows, { dataset: 'broken', conversations: [] }]));
    const settings = ['dataset.path=more.json', 'dataset.exclude_tasks=[broken]', 'run.name=without'];
    const done = await run(folder, ...settings, '--until', 'selection');
    expect(done.exitCode, done.stderr).toBe(0);
    const { warnings } = resultOf(folder, 'without');
    expect(warnings).toContain('task broken: must have a usable row to get a share, got none of 1');
    const unknown = await run(folder, 'dataset.path=more.json', 'dataset.exclude_tasks=[brokn]', 'run.name=unknown');
    expect(unknown).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(
        /dataset\.exclude_tasks: tasks must exist, got "brokn"; known: broken, name/,
      ) as string,
    });
    expect(unknown.stderr).not.toContain('warmup: done');
  }, 60_000);

  test('export refuses a dataset that is no longer the one that the run saw', async () => {
    const path = join(folder, 'train.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace(/[a-z](?=[^a-z]*$)/, 'z'));
    expect(await tive(folder, 'export', 'small', '--to', 'llava')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(
        /^train\.json: sha256 must be [0-9a-f]{12}… as the run saw it, got [0-9a-f]{12}…; put that file back, or run again\n$/,
      ) as string,
    });
    expect((await tive(folder, 'export', 'small', '--to', 'indices')).exitCode).toBe(0);
  });
});

describe('the numbers of a run do not depend on who computes them', () => {
  // Two of them are held against one where they are killed as well: `kill.test.ts`.
  test('3 compute processes give the bytes of one', async () => {
    const folder = freshFolder('processes-3');
    const done = await tiveProcess(folder, 'run', 'recipe.yaml', '--processes', '3');
    expect(done.exitCode, done.stderr).toBe(0);
    expect(hashes(folder)).toEqual(reference);
  }, 180_000);

  test('another shard size gives the same numbers, bit for bit', async () => {
    const folder = freshFolder('shards');
    const done = await run(folder, 'gradients.shard_rows=30', '--until', 'selection');
    expect(done.exitCode, done.stderr).toBe(0);
    const shardCount = resultOf(folder).dataset!.shardCount;
    expect(shardCount).toBeLessThan(5);
    const store = join(folder, 'tive-store');
    expect(hashesOf(store, 'values', 'values.arrow')).toEqual(reference[0]);
    expect(reference[1]).toContain(hashesOf(store, 'selection', 'selection.arrow')[0]);
    expect(existsSync(join(store, 'artifacts/finetune'))).toBe(false);
  }, 180_000);
});
