// The workflow of a benchmark: what it shares, what it makes anew, and how it fails.
import { ApplicationFailure } from '@temporalio/common';
import type { Client } from '@temporalio/client';
import { describe, expect, test } from 'vitest';
import type { BenchmarkConfig, Config } from '../../contracts/config.ts';
import type { BenchmarkResult, CellProgress } from '../../contracts/messages/benchmark.ts';
import { CONTROL_QUEUE } from '../../contracts/queues.ts';
import type { tiveBenchmark } from '../../workflows/benchmark.ts';
import { fakeActivities } from './fake-activities.ts';
import { CONFIG, failureType, refusalOf } from './start-runs.ts';
import { useTestServer } from './use-test-server.ts';

const server = useTestServer();

const config = (benchmark: Partial<BenchmarkConfig>): Config => ({
  ...CONFIG,
  benchmark: { ...CONFIG.benchmark, ...benchmark },
});

async function play(client: Client, name: string, given: Config): Promise<BenchmarkResult> {
  const input = { benchmarkName: name, config: given, heartbeatTimeoutMs: 120_000, shardWindow: 2, seedWindow: 2 };
  const taskQueue = CONTROL_QUEUE;
  const handle = await client.workflow.start<typeof tiveBenchmark>('tiveBenchmark', {
    taskQueue,
    workflowId: `tive-${name}`,
    args: [input],
  });
  const result = await handle.result();
  expect(await handle.query<CellProgress[]>('benchmarkProgress')).toEqual(result.cells);
  return result;
}

describe('a benchmark', () => {
  test('runs every seed and budget with all methods, and reads the rows for all of them', async () => {
    const fakes = fakeActivities({ shardCount: 1 });
    const given = config({ seeds: 2, budgets: [0.05, 0.15] });
    const result = await server().play(fakes, () => play(server().client, 'grid', given));
    expect(result.cells.map(({ name, state }) => [name, state])).toEqual([
      ['seed-42/5-percent/epochs', 'done'],
      ['seed-42/15-percent/epochs', 'done'],
      ['seed-43/5-percent/epochs', 'done'],
      ['seed-43/15-percent/epochs', 'done'],
    ]);
    const tuned = fakes.inputs('finetuneModel').map(({ config: own }) => own);
    expect(tuned).toHaveLength(8);
    expect(new Set(tuned.map(({ run, allocation }) => `${run.seed} ${allocation.budgetFraction}`)).size).toBe(4);
    const references = fakes.inputs('tuneReference').map(({ config: own }) => own.run.seed);
    expect(references.toSorted()).toEqual([42, 42, 43, 43]);
    expect(
      fakes
        .inputs('keepBenchmarkCell')
        .map(({ cell }) => cell.name)
        .toSorted(),
    ).toEqual(result.cells.map(({ name }) => name).toSorted());
    expect(fakes.count('keepResult')).toBe(0);
    expect(fakes.inputs('writeBenchmark')[0]!.cells).toHaveLength(4);
    expect(result.verdict).toEqual(['tive is not behind']);
    expect(fakes.inputs('writeBenchmark')[0]).not.toHaveProperty('lds');
    expect(fakes.count('scoreDatamodels')).toBe(0);
    // The base model is scored before the runs, which find it then.
    expect(fakes.names().indexOf('evaluateModel')).toBeLessThan(fakes.names().indexOf('finetuneModel'));
  });

  test('tunes one reference model for all seeds where it is shared, and draws by each', async () => {
    const fakes = fakeActivities({ shardCount: 1 });
    await server().play(fakes, () => play(server().client, 'shared', config({ seeds: 3, reference: 'shared' })));
    expect(new Set(fakes.inputs('tuneReference').map(({ config: own }) => own.run.seed))).toEqual(new Set([42]));
    expect(new Set(fakes.inputs('estimateValues').map(({ config: own }) => own.run.seed))).toEqual(new Set([42]));
    expect(new Set(fakes.inputs('selectRows').map(({ config: own }) => own.run.seed))).toEqual(new Set([42, 43, 44]));
    // Before any run that draws by it.
    expect(fakes.names().indexOf('estimateValues')).toBeLessThan(fakes.names().indexOf('selectRows'));
  });

  test('trains smaller budgets for as many steps as the largest where steps are held equal', async () => {
    const fakes = fakeActivities({ shardCount: 1 });
    const given = config({ seeds: 1, budgets: [0.16, 0.64], lengths: ['steps'] });
    await server().play(fakes, () => play(server().client, 'steps', given));
    const schedules = fakes
      .inputs('finetuneModel')
      .map(({ config: { finetune, allocation } }) => [allocation.budgetFraction, finetune.epochs, finetune.batchSize]);
    // 100 usable rows: 16 are one step of 16 a pass, 64 are four; three passes of these are 12 steps.
    expect(new Set(schedules.map(String))).toEqual(new Set(['0.16,12,16', '0.64,3,16']));
  });

  test('tunes models on random halves by the one reference model where a datamodelling score is asked for', async () => {
    const fakes = fakeActivities({ shardCount: 1 });
    const filtered = { ...CONFIG.selection, filters: ['loss_cut' as const] };
    const given = { ...config({ seeds: 1, lds: 3 }), selection: filtered };
    const result = await server().play(fakes, () => play(server().client, 'lds', given));
    expect(result.cells.map(({ name, state }) => [name, state])).toEqual([
      ['seed-42/15-percent/epochs', 'done'],
      ['lds/subset-1', 'done'],
      ['lds/subset-2', 'done'],
      ['lds/subset-3', 'done'],
    ]);
    const halves = fakes.inputs('selectRows').filter(({ config: own }) => own.run.seed !== 42);
    expect(
      halves.map(({ method, config: own }) => [method, own.allocation.budgetFraction, own.selection.filters]),
    ).toEqual(new Array(3).fill(['random', 0.5, []]));
    expect(new Set(halves.map(({ config: own }) => own.run.seed)).size).toBe(3);
    expect(new Set(fakes.inputs('tuneReference').map(({ config: own }) => own.run.seed))).toEqual(new Set([42]));
    // The dataset's gradients and those of the test rows.
    expect(new Set(fakes.inputs('planGradients').map(({ config: own }) => own.dataset.path.join())).size).toBe(2);
    const [asked] = fakes.inputs('scoreDatamodels');
    expect(new Set(asked!.subsets.map(({ outcomes }) => outcomes.uri)).size).toBe(1);
    expect(asked!.subsets).toHaveLength(3);
    expect(asked!.testRows.uri).toBe('rows(evaluation)');
    expect(fakes.inputs('writeBenchmark')[0]).toMatchObject({ lds: { subsetCount: 3 } });
    expect(fakes.inputs('writeBenchmark')[0]!.cells).toHaveLength(1);
  });

  test('ends the other seeds before it fails with what one failed with', async () => {
    const broken = ApplicationFailure.nonRetryable('loss: must be finite, got NaN', 'NumericalError');
    const fakes = fakeActivities(
      { shardCount: 1 },
      {
        tuneReference: async ({ config: own, rows }) => {
          if (own.run.seed === 42) throw broken;
          return { adapter: rows, rowCount: 8, stepCount: 3, firstLoss: 2, lastLoss: 1, cached: false };
        },
      },
    );
    const failed = await server().play(fakes, () => refusalOf(play(server().client, 'failing', config({ seeds: 2 }))));
    expect(failureType(failed)).toBe('NumericalError');
    expect(fakes.inputs('keepBenchmarkCell').map(({ cell }) => cell.seed)).toEqual([43]);
    expect(fakes.count('writeBenchmark')).toBe(0);
  });

  test('without test rows is refused before any work', async () => {
    const fakes = fakeActivities();
    const given = { ...CONFIG, evaluation: { ...CONFIG.evaluation, path: null } };
    const failed = await server().play(fakes, () => refusalOf(play(server().client, 'untested', given)));
    expect(failureType(failed)).toBe('InvalidConfigError');
    expect(fakes.calls).toEqual([]);
  });
});
