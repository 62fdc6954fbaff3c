import { describe, expect, test } from 'vitest';
import type { RunStatus } from '../../../client/runs/runs.ts';
import { lastEnd, timeLeft } from '../../../client/runs/time-left.ts';
import { NO_WORK } from '../../../client/runs/work-now.ts';
import type { WorkInProgress } from '../../../client/runs/work-now.ts';
import type { Config } from '../../../contracts/config.ts';
import type { RunSoFar, StageProgress } from '../../../contracts/messages/run.ts';
import { STAGES } from '../../../contracts/stages.ts';
import type { Stage } from '../../../contracts/stages.ts';
import { DEMO_CONFIG } from '../../report/demo-summary.ts';

/** Of 1,000 rows: 100 in two epochs, 8 shards, 3 trainings on 150 rows in three epochs, 4 models on 60 test rows. */
const CONFIG: Config = {
  ...DEMO_CONFIG,
  allocation: { ...DEMO_CONFIG.allocation, budgetFraction: 0.15, budgetRows: null, budgetBase: 'eligible' },
  warmup: { ...DEMO_CONFIG.warmup, fraction: 0.1, epochs: 2, batchSize: 16 },
  gradients: { ...DEMO_CONFIG.gradients, shardRows: 125 },
  finetune: { enabled: true, epochs: 3, batchSize: 16, learningRate: 1e-3 },
  evaluation: { ...DEMO_CONFIG.evaluation, path: 'test.json', compare: ['random', 'task_balanced'] },
};

const FOUND: RunSoFar = {
  config: CONFIG,
  until: 'report',
  rows: { rowCount: 1000, usableCount: 1000 },
  testRowCount: 60,
  warmup: null,
  methods: [],
  wasPaused: false,
};

/** What one process does a second of each stage, in what follows: rows of which each takes as long as its passes. */
const PACE = 10;
const [WARMUP, SHARD, TRAINING, MODEL] = [200 / PACE, 125 / PACE, 450 / PACE, 60 / 3 / PACE];

type Lines = Partial<Record<Stage, Partial<StageProgress>>>;

/** A run whose stages before the given ones are done. */
function status(lines: Lines, working: [Stage, Partial<WorkInProgress>][] = []): RunStatus {
  const first = STAGES.findIndex((stage) => stage in lines);
  const stages = STAGES.map((stage, index): StageProgress => ({
    stage,
    state: index < first ? 'done' : 'waiting',
    detail: '',
    doneCount: 0,
    totalCount: 1,
    startedAtMs: null,
    durationMs: stage === 'warmup' && index < first ? 1000 * WARMUP : null,
    ...lines[stage],
  }));
  return {
    stages,
    gate: { isPaused: false, awaitsApproval: false },
    retryCount: 0,
    failures: [],
    trainings: [],
    working: new Map(working.map(([stage, part]) => [stage, { ...NO_WORK, ...part }])),
  };
}

const paced = (rowsPerSecond: number, ...shares: number[]): Partial<WorkInProgress> => ({
  rowsPerSecond,
  pacedCount: shares.length,
  shares,
});

const left = (shown: RunStatus, found: Partial<RunSoFar> = {}, processCount = 1) =>
  timeLeft({ status: shown, found: { ...FOUND, ...found }, processCount });

describe('the last of some processes ends', () => {
  test.each<[string, number[], number, number, number]>([
    ['at once where nothing is left', [], 0, 3, 0],
    ['with the part in work', [0.25], 0, 1, 0.25],
    ['after what waits behind it', [0.25], 2, 1, 2.25],
    ['after the round that the free ones take', [], 8, 3, 3],
    ['with a part that the first free one takes', [0.5, 0.9], 1, 2, 1.5],
    ['with a part that an idle one takes', [0.5], 1, 2, 1],
    ['with what is longest in work', [0.2, 0.9], 2, 2, 1.9],
    ['with what waits to be tried again', [0.2, 0.9], 0, 1, 1.2],
  ])('%s', (_, ends, waiting, processes, expected) => {
    expect(lastEnd(ends, waiting, processes)).toBeCloseTo(expected, 12);
  });
});

describe('the time left of a run', () => {
  const ahead = 8 * SHARD + 3 * TRAINING + 4 * MODEL;

  test('in the warm-up is its own, and the rest by its pace', () => {
    const { seconds, stages } = left(status({ warmup: { state: 'running' } }, [['warmup', paced(PACE, 0.25)]]));
    expect(seconds).toBeCloseTo(0.75 * WARMUP + ahead, 9);
    expect([...stages]).toEqual([['warmup', 0.75 * WARMUP]]);
  });

  test('is shared out over the processes, part by part', () => {
    const lines: Lines = { gradients: { state: 'running', doneCount: 0, totalCount: 8 } };
    const { seconds } = left(status(lines, [['gradients', paced(2 * PACE, 0, 0)]]), {}, 2);
    expect(seconds).toBeCloseTo(4 * SHARD + 2 * TRAINING + 2 * MODEL, 9);
  });

  test('is not told by a warm-up where several processes share the work: each may be slower than one alone', () => {
    const shown = status({ warmup: { state: 'running' } }, [['warmup', paced(PACE, 0.25)]]);
    expect(left(shown, {}, 2)).toEqual({ seconds: null, stages: new Map([['warmup', 0.75 * WARMUP]]) });
    expect(left(status({ values: { state: 'running' } }), {}, 2).seconds).toBeNull();
    expect(left(status({ values: { state: 'running' } })).seconds).toBeCloseTo(3 * TRAINING + 4 * MODEL, 9);
  });

  test('of gradients is by their own pace; trainings go by that of the warm-up, models by it too', () => {
    const lines: Lines = { gradients: { state: 'running', doneCount: 3, totalCount: 8 } };
    const { seconds, stages } = left(status(lines, [['gradients', paced(2 * PACE, 0.5)]]));
    expect(stages.get('gradients')).toBeCloseTo((4.5 * SHARD) / 2, 9);
    expect(seconds).toBeCloseTo((4.5 * SHARD) / 2 + 3 * TRAINING + 4 * MODEL, 9);
  });

  test('after a warm-up that an earlier run may have begun, or that was held, goes by what is seen now', () => {
    const lines: Lines = { gradients: { state: 'running', doneCount: 3, totalCount: 8 } };
    const shown = status(lines, [['gradients', paced(2 * PACE, 0.5)]]);
    const expected = (4.5 * SHARD + 3 * TRAINING + 4 * MODEL) / 2;
    expect(left(shown, { wasPaused: true }).seconds).toBeCloseTo(expected, 9);
    const again = status({ dataset: { state: 'cached' }, warmup: { state: 'done', durationMs: 20_000 }, ...lines }, [
      ['gradients', paced(2 * PACE, 0.5)],
    ]);
    expect(left(again).seconds).toBeCloseTo(expected, 9);
  });

  test('of trainings and models side by side counts both', () => {
    const lines: Lines = {
      finetune: { state: 'running', doneCount: 1, totalCount: 3 },
      evaluation: { state: 'running', doneCount: 1, totalCount: 4 },
    };
    const shown = status(lines, [
      ['finetune', paced(PACE, 0.5)],
      ['evaluation', paced(3 * PACE, 0.5)],
    ]);
    // Two processes: one training in its middle, one that waits; one model in its middle, two that wait.
    expect(left(shown, {}, 2).seconds).toBeCloseTo(TRAINING + 1.5 * MODEL, 9);
  });

  test.each<[string, RunStatus, Partial<RunSoFar>]>([
    ['before the rows are read', status({ dataset: { state: 'running' } }), { rows: null }],
    ['before a pace is known', status({ warmup: { state: 'running' } }), {}],
    [
      'before the test rows are read',
      status({ warmup: { state: 'running' } }, [['warmup', paced(PACE, 0.5)]]),
      { testRowCount: null },
    ],
    [
      'where an earlier run has done the warm-up and nothing is at work',
      status({ dataset: { state: 'cached' }, warmup: { state: 'cached' }, gradients: { state: 'running' } }),
      {},
    ],
    ['when nothing heavy is left', status({ report: { state: 'running' } }), {}],
    [
      'while rounds of choosing are before the last one',
      status({ gradients: { state: 'running', totalCount: 8 } }, [['gradients', paced(PACE, 0.5)]]),
      { config: { ...CONFIG, selection: { ...CONFIG.selection, rounds: 2 } } },
    ],
  ])('is not told %s', (_, shown, found) => {
    expect(left(shown, found).seconds).toBeNull();
  });

  test('is not told of a run that is held', () => {
    const shown = status({ warmup: { state: 'running' } }, [['warmup', paced(PACE, 0.5)]]);
    for (const gate of [
      { isPaused: true, awaitsApproval: false },
      { isPaused: false, awaitsApproval: true },
    ])
      expect(left({ ...shown, gate })).toEqual({ seconds: null, stages: new Map() });
  });

  test('ends where the run does, and without trainings with the gradients', () => {
    const shown = status({ gradients: { state: 'running', doneCount: 0, totalCount: 8 } }, [
      ['gradients', paced(PACE, 0)],
    ]);
    expect(left(shown, { until: 'selection' }).seconds).toBeCloseTo(8 * SHARD, 9);
    const plain = { ...CONFIG, finetune: { ...CONFIG.finetune, enabled: false } };
    expect(left(shown, { config: plain, testRowCount: null }).seconds).toBeCloseTo(8 * SHARD, 9);
  });

  test('counts answers that are generated as rows, and losses at earlier checkpoints as a part of a pass', () => {
    const config = {
      ...CONFIG,
      warmup: { ...CONFIG.warmup, trajectory: 4 },
      evaluation: { ...CONFIG.evaluation, generate: true },
    };
    const lines: Lines = { gradients: { state: 'running', doneCount: 7, totalCount: 8 } };
    const shown = status(lines, [['gradients', paced(PACE / 2, 0)]]);
    expect(left(shown, { config, until: 'gradients' }).seconds).toBeCloseTo(2 * SHARD, 9);
    const last = status({ evaluation: { state: 'running', doneCount: 3, totalCount: 4 } }, [
      ['evaluation', paced(3 * PACE, 0.5)],
    ]);
    expect(left(last, { config }).seconds).toBeCloseTo(MODEL, 9);
  });
});
