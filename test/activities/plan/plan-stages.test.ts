import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { planStages, totalSeconds } from '../../../activities/plan/plan-stages.ts';
import type { PlanFacts } from '../../../activities/plan/plan-stages.ts';
import type { Config } from '../../../contracts/config.ts';
import type { PlannedStage, Probe } from '../../../contracts/plan.ts';
import { STAGES } from '../../../contracts/stages.ts';
import type { Stage } from '../../../contracts/stages.ts';
import { workOf } from '../../../contracts/work.ts';
import { readArchitecture } from '../../../model/architectures/read-architecture.ts';
import { DEMO_CONFIG } from '../../report/demo-summary.ts';
import { linearLayers } from '../../../model/weight-shapes.ts';

const GOLDEN = join(import.meta.dirname, '../../golden/tiny-llava/model');
const ROWS = { rowCount: 1000, usableCount: 800, tokenCount: 80_000, imageRowCount: 400, secondsPerRow: 0.001 };
const PROBE: Probe = { engine: 'cpu', rowCount: 8, tokenCount: 800, secondsPerToken: 0.001, secondsPerImage: 0.1 };

let layers: PlanFacts['layers'];
beforeAll(async () => {
  layers = linearLayers((await readArchitecture(GOLDEN)).text);
});

const config: Config = {
  ...DEMO_CONFIG,
  allocation: { ...DEMO_CONFIG.allocation, budgetFraction: 0.15, budgetRows: null, budgetBase: 'eligible' },
  warmup: { ...DEMO_CONFIG.warmup, fraction: 0.1, epochs: 2, batchSize: 16, loraRank: 4 },
  finetune: { enabled: true, epochs: 3, batchSize: 16, learningRate: 1e-3 },
  evaluation: { ...DEMO_CONFIG.evaluation, path: 'test.json', compare: ['random', 'task_balanced', 'random'] },
};

const plan = (
  changed: Partial<Config> = {},
  until: Stage = 'report',
  probe: Probe | null = PROBE,
  facts: Partial<PlanFacts> = {},
): PlannedStage[] => {
  const now = { ...config, ...changed };
  return planStages({
    config: now,
    work: workOf(now, until),
    layers,
    rows: ROWS,
    testRowCount: 60,
    queries: null,
    probe,
    isCached: () => false,
    ...facts,
  });
};
const find = (stages: PlannedStage[], name: Stage): PlannedStage => stages.find(({ stage }) => stage === name)!;

describe('planned stages', () => {
  test('methods are counted as the run has them, each once', () => {
    const stages = plan();
    expect(find(stages, 'selection')).toMatchObject({ rowCount: 120, partCount: 3, unit: 'methods' });
    // 120 rows in steps of 16, three epochs, three methods.
    expect(find(stages, 'finetune')).toMatchObject({ rowCount: 120, partCount: 3 * 3 * 8, unit: 'steps' });
    expect(find(stages, 'evaluation')).toMatchObject({ partCount: 4, unit: 'models' });
  });

  test('without fine-tuning one method is selected, and nothing tuned or scored', () => {
    const stages = plan({ finetune: { ...config.finetune, enabled: false } });
    expect(stages.map(({ stage }) => stage)).toEqual([
      'dataset',
      'warmup',
      'gradients',
      'values',
      'allocation',
      'selection',
      'report',
    ]);
    expect(find(stages, 'selection').partCount).toBe(1);
  });

  test('losses at checkpoints take a forward pass each, and checkpoints and moments their room', () => {
    const [plain, scored] = [plan(), plan({ warmup: { ...config.warmup, trajectory: 4 } })];
    const [before, after] = [plain, scored].map((stages) => find(stages, 'gradients'));
    // 80,000 tokens of 1 ms, three forward passes more of a third each; pictures are encoded once.
    expect(after!.seconds! - before!.seconds!).toBeCloseTo(80, 9);
    expect(after!.diskBytes! - before!.diskBytes!).toBe(800 * 4 * 4);
    expect(find(scored, 'warmup').diskBytes).toBe(4 * find(plain, 'warmup').diskBytes!);
    const scaled = plan({ gradients: { ...config.gradients, preconditioner: 'adam' } });
    expect(find(scaled, 'warmup').diskBytes).toBe(3 * find(plain, 'warmup').diskBytes!);
    expect(find(scaled, 'gradients')).toEqual(before);
  });

  test('queries at checkpoints take the gradients of rows and queries again at each', () => {
    const asking = (queryCheckpoints: 'last' | 'all') => ({
      warmup: { ...config.warmup, trajectory: 3 },
      selection: { ...config.selection, method: 'less' as const, queryCheckpoints },
    });
    const queries = { queries: { rowCount: 80, isCached: true } };
    const [last, all] = (['last', 'all'] as const).map((which) =>
      find(plan(asking(which), 'report', PROBE, queries), 'gradients'),
    );
    // Two checkpoints, 880 rows of 100 tokens and half a picture each.
    expect(all!.seconds! - last!.seconds!).toBeCloseTo(2 * 880 * (0.1 + 0.05), 9);
    expect(all!.diskBytes!).toBeGreaterThan(2.9 * last!.diskBytes!);
  });

  test('a whole run has every stage, in order', () => {
    expect(plan().map(({ stage }) => stage)).toEqual([...STAGES]);
  });

  test('a run until an earlier stage is planned until there', () => {
    expect(plan({}, 'gradients').map(({ stage }) => stage)).toEqual(['dataset', 'warmup', 'gradients']);
    expect(find(plan({}, 'finetune'), 'finetune').partCount).toBe(3 * 8);
  });

  test('time is tokens and pictures by the probe: each picture once, tokens every epoch', () => {
    // 80 rows of the warm-up: 2 epochs × 100 tokens × 1 ms, half a picture × 100 ms.
    expect(find(plan(), 'warmup').seconds).toBeCloseTo(80 * (2 * 0.1 + 0.05), 9);
    expect(find(plan(), 'gradients').seconds).toBeCloseTo(800 * (0.1 + 0.05), 9);
    expect(find(plan({}, 'report', null), 'gradients').seconds).toBeNull();
  });

  test('what the recipe leaves out of a training follows from the rows, as the run has it', () => {
    const open = { epochs: null, batchSize: null, learningRate: null };
    const stages = plan({ warmup: { ...config.warmup, ...open }, finetune: { enabled: true, ...open } });
    // 80 rows of warm-up; 120 chosen ones, for three methods.
    const schedule = { batchSize: 4, epochs: 4, learningRate: 4e-4 };
    expect(find(stages, 'warmup')).toMatchObject({ schedule, partCount: 80 });
    expect(find(stages, 'finetune')).toMatchObject({
      schedule: { ...schedule, learningRate: 3.7e-4 },
      partCount: 3 * 120,
    });
    expect(find(stages, 'gradients').schedule).toBeNull();
  });

  test('the total is the sum of the stages, with what is shared out over processes', () => {
    const stages = plan();
    // 1,000 rows read, 400 of them with a picture; three trainings, four models that score 60 rows forward only.
    const seconds = {
      dataset: 1000 * 0.001 + 400 * 0.1,
      warmup: 80 * (2 * 0.1 + 0.05),
      gradients: 800 * 0.15,
      finetune: 3 * 120 * (3 * 0.1 + 0.05),
      evaluation: 4 * 60 * (0.1 / 3 + 0.05),
    };
    const { dataset, warmup, gradients, finetune, evaluation } = seconds;
    for (const [stage, expected] of Object.entries(seconds))
      expect(find(stages, stage as Stage).seconds).toBeCloseTo(expected, 9);
    const sum = dataset + warmup + gradients + finetune + evaluation;
    expect(totalSeconds(stages, 1, 3)).toBeCloseTo(sum, 9);
    // One shard stays one; two rounds of three trainings, two of four models.
    expect(totalSeconds(stages, 2, 3)).toBeCloseTo(
      dataset + warmup + gradients + (2 / 3) * finetune + evaluation / 2,
      9,
    );
    expect(totalSeconds(plan({}, 'report', null), 1, 3)).toBeNull();
  });

  test('an adapter that is given needs no training', () => {
    const stages = plan({ model: { ...config.model, adapter: 'given' } });
    expect(find(stages, 'warmup')).toMatchObject({ rowCount: null, partCount: null, seconds: null, diskBytes: null });
  });

  test('queries of other rows add their gradients, and alone where those of the dataset are there', () => {
    const queried = (isCached: boolean, isTableThere: boolean): PlannedStage =>
      find(
        plan({}, 'report', PROBE, {
          queries: { rowCount: 60, isCached },
          isCached: (stage) => isTableThere && stage === 'gradients',
        }),
        'gradients',
      );
    expect(queried(false, false).seconds).toBeCloseTo((800 + 60) * 0.15, 9);
    expect(queried(false, true)).toMatchObject({ isCached: false, seconds: expect.closeTo(60 * 0.15, 9) as number });
    expect(queried(true, true)).toMatchObject({ isCached: true, seconds: 0 });
  });

  test('every round before the last tunes, scores and takes gradients of what it leaves', () => {
    const selection = { ...config.selection, rounds: 2 };
    // √(800 · 120) = 310 rows are left by the first of two rounds: three epochs, then one pass for their gradients.
    const round = 310 * (3 * 0.1 + 0.05) + 60 * (0.1 / 3 + 0.05) + 310 * 0.15;
    expect(find(plan({ selection }), 'gradients').seconds).toBeCloseTo(800 * 0.15 + round, 9);
    // A run that does not select has no rounds.
    expect(find(plan({ selection }, 'values'), 'gradients').seconds).toBeCloseTo(800 * 0.15, 9);
  });
});
