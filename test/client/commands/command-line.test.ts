import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ActivityFailure, ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WorkflowFailedError } from '@temporalio/client';
import { outcomeOf } from '../../../client/terminal/outcome.ts';
import { commandLine } from '../../../client/terminal/terminal-text.ts';
import { InvalidConfigError } from '../../../contracts/failures.ts';
import { writeSmallDataset } from '../small-dataset.ts';
import { tive, useCluster } from '../in-process.ts';
import { tiveProcess } from '../tive-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'tive-cli-'));
beforeAll(() => writeSmallDataset(folder));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('what a failure means', () => {
  const activityFailure = (cause: Error): Error =>
    new WorkflowFailedError(
      'failed',
      new ActivityFailure('failed', 'scanRows', '1', 'MAXIMUM_ATTEMPTS_REACHED', '', cause),
      'NON_RETRYABLE_FAILURE',
    );
  test.each<[string, unknown, number, string]>([
    ['the caller’s mistake here', new InvalidConfigError('model.path: …'), 2, 'model.path: …'],
    [
      'the caller’s mistake on a worker',
      activityFailure(ApplicationFailure.nonRetryable('dataset: …', 'InvalidDatasetError')),
      2,
      'dataset: …',
    ],
    ['numbers', activityFailure(ApplicationFailure.nonRetryable('loss', 'NumericalError')), 1, 'loss'],
    ['stuck', activityFailure(ApplicationFailure.nonRetryable('no progress', 'NoProgressError')), 1, 'no progress'],
    [
      'cancelled',
      new WorkflowFailedError('cancelled', new CancelledFailure('cancelled'), 'NON_RETRYABLE_FAILURE'),
      130,
      'the run was cancelled; what it has done is kept',
    ],
    ['a mistake with a cause', new RangeError('no such run', { cause: new Error('not found') }), 2, 'no such run'],
    ['trouble with a cause', new Error('outer', { cause: new Error('disk full') }), 1, 'disk full'],
    [
      'a file that is not there',
      Object.assign(new Error('ENOENT: no such file or directory'), { code: 'ENOENT', path: 'no.json' }),
      2,
      '"no.json": file or folder must exist, got none (ENOENT)',
    ],
    ['no error at all', 'odd', 1, 'odd'],
  ])('%s', (_, error, exitCode, message) => {
    expect(outcomeOf(error)).toEqual({ exitCode, message });
  });
});

test('a command is printed as a shell takes it', () => {
  const words = ['tive', 'run', '../my recipe.yaml', 'dataset.exclude_tasks=[a, b]', "run.name=it's", '--limit', '0.5'];
  expect(commandLine(words)).toBe(
    "tive run '../my recipe.yaml' 'dataset.exclude_tasks=[a, b]' 'run.name=it'\\''s' --limit 0.5",
  );
});

describe('mistakes on the command line end with exit code 2 and one message', () => {
  test.each<[string, string[], string]>([
    ['unknown command', ['rnu'], "error: unknown command 'rnu'\n(Did you mean run?)\n"],
    ['no recipe', ['run'], "error: missing required argument 'recipe'\n"],
    ['no such recipe', ['run', 'none.yaml'], 'recipe: file must exist, got "'],
    [
      'unknown key',
      ['run', 'recipe.yaml', 'selection.lamda=1'],
      'command line: keys must be known, got "lamda"; did you mean "lambda"?\n',
    ],
    [
      'unknown stage',
      ['run', 'recipe.yaml', '--until', 'end'],
      "error: option '--until <stage>' argument 'end' is invalid. Allowed choices are dataset,",
    ],
    [
      'limit',
      ['run', 'recipe.yaml', '--limit', '0'],
      "error: option '--limit <rows>' argument '0' is invalid. must be a number of rows or a share in (0, 1), got \"0\"\n",
    ],
    [
      'detach without cluster',
      ['run', 'recipe.yaml', '--detach'],
      '--detach: needs --address, got none; the embedded server ends with the command\n',
    ],
    [
      'rank above the model',
      ['run', 'recipe.yaml', 'warmup.lora_rank=64'],
      'warmup.lora_rank: must be at most 32, the smaller dimension of k_proj, got 64\n',
    ],
    [
      'cutoff below the picture',
      ['run', 'recipe.yaml', 'gradients.cutoff_len=20'],
      'gradients.cutoff_len: must be at least 32, the image tokens and 16 more, got 20\n',
    ],
    ['no run', ['export', 'none'], 'run: must have a result, got none in '],
    [
      'nothing to cancel',
      ['cancel', 'none'],
      'cancel: run must be at work, got no server for "none"; go on with tive run RECIPE, or name a cluster with --address\n',
    ],
    [
      'no server',
      ['status', 'small', '--address', '127.0.0.1:9'],
      'temporal: server must answer at 127.0.0.1:9 within 5 s, got ',
    ],
  ])('%s', async (_, args, message) => {
    const { exitCode, stdout, stderr } = await tive(folder, ...args);
    expect(stderr.startsWith(message), `got ${stderr}`).toBe(true);
    expect(stdout).toBe('');
    expect(exitCode).toBe(2);
  });
});

describe('a dataset that cannot be used stops the run with exit code 2', () => {
  const cluster = useCluster();
  test.each<[string, string, string]>([
    [
      'web page',
      '<!doctype html><html>',
      'web.json: must start with "[" or "{", got "<!do"; the download is probably an error page\n',
    ],
    [
      'cut short',
      '[{"id": 1}, {"id": 2',
      'web.json byte 20: the array must be closed, got end of file after 1 rows; download it again\n',
    ],
    [
      'nothing usable',
      '[{"id": 1}]',
      'dataset: at least one usable row must remain, got 0 of 1 (1 conversations_missing); say by dataset.columns which keys hold the dialogue\n',
    ],
  ])(
    '%s',
    async (_, content, message) => {
      writeFileSync(join(folder, 'web.json'), content);
      const { exitCode, stderr } = await tive(
        folder,
        'run',
        'recipe.yaml',
        'dataset.path=web.json',
        '--quiet',
        '--address',
        cluster.address,
      );
      expect(stderr).toBe(message);
      expect(exitCode).toBe(2);
      const status = await tive(folder, 'status', 'small');
      expect(status).toMatchObject({ exitCode: 0, stderr: '' });
      expect(status.stdout).toMatch(/^small: failed {2}on 127\.0\.0\.1:\d+\ndataset: failed/);
      expect(status.stdout).toContain(`\nreason: ${message}`);
      expect((await tive(folder, 'list')).stdout).toMatch(/^small .* failed/);
    },
    60_000,
  );
});

test('doctor prints one line each of what a bug report needs', async () => {
  const { exitCode, stdout } = await tive(folder, 'doctor');
  expect(exitCode).toBe(0);
  const names = stdout
    .trim()
    .split('\n')
    .map((line) => line.split(' ')[0]);
  expect(names).toEqual(['tive', 'node', 'engine', 'torch', 'temporal', 'cores', 'memory', 'disk']);
  expect(stdout).toContain(`node       ${process.version}`);
}, 60_000);

test('without the native engine a run falls back to wasm and the report says why', async () => {
  process.env['TIVE_ENGINE'] = 'wasm';
  try {
    const settings = ['run.name=wasm', 'warmup.epochs=1', '--until', 'selection', '--processes', '1'];
    const done = await tiveProcess(folder, 'run', 'recipe.yaml', ...settings);
    expect(done.exitCode, done.stderr).toBe(0);
    expect(done.stderr).toContain(
      'the native engine is not used: TIVE_ENGINE=wasm is set; wasm is used, several times slower',
    );
    const made = await tiveProcess(folder, 'select', 'wasm', '--name', 'again');
    expect(made.exitCode, made.stderr).toBe(0);
  } finally {
    delete process.env['TIVE_ENGINE'];
  }
}, 120_000);
