import { expect, test } from 'vitest';
import { expectedSeconds } from '../../../client/runs/benchmark-time.ts';
import { benchmarkGrid } from '../../../contracts/benchmark-cells.ts';
import type { BenchmarkConfig } from '../../../contracts/config.ts';
import type { PlannedStage } from '../../../contracts/plan.ts';
import { DEMO_CONFIG } from '../../report/demo-summary.ts';

const stage = (name: PlannedStage['stage'], seconds: number, isCached = false): PlannedStage => ({
  stage: name,
  isCached,
  rowCount: null,
  partCount: null,
  unit: '',
  diskBytes: null,
  seconds,
  schedule: null,
});

/** Three methods: 30 s of training each at 15 %, 4 s of scoring each and of the base model. */
const PLAN = {
  stages: [
    stage('dataset', 5),
    stage('warmup', 10),
    stage('gradients', 50),
    stage('finetune', 90),
    stage('evaluation', 16),
  ],
};

function secondsOf(benchmark: Partial<BenchmarkConfig>, plan = PLAN) {
  const config = { ...DEMO_CONFIG, benchmark: { ...DEMO_CONFIG.benchmark, ...benchmark } };
  const { cells } = benchmarkGrid(config);
  const largest = cells
    .filter(({ isFull }) => !isFull)
    .reduce((most, cell) => (cell.budget! > most.budget! ? cell : most));
  return expectedSeconds(plan, cells, largest, config);
}

test('every seed takes its reference model, its trainings and their scores; rows and base model are taken once', () => {
  // 5 + 4, and twice 10 + 50 + 3 · (30 + 4).
  expect(secondsOf({ seeds: 2 }).total).toBeCloseTo(9 + 2 * 162, 9);
});

test('a shared reference model is taken once', () => {
  expect(secondsOf({ seeds: 2, reference: 'shared' }).total).toBeCloseTo(9 + 60 + 2 * 102, 9);
});

test('trainings go by the budget in equal epochs, and not in equal steps', () => {
  const budgets = { seeds: 1, budgets: [0.05, 0.15] };
  expect(secondsOf({ ...budgets, lengths: ['epochs'] }).total).toBeCloseTo(9 + 60 + 3 * (10 + 4) + 3 * 34, 9);
  expect(secondsOf({ ...budgets, lengths: ['steps'] }).total).toBeCloseTo(9 + 60 + 2 * 3 * 34, 9);
});

test('what is in the store takes no time', () => {
  const stages = PLAN.stages.map((one) => ({
    ...one,
    isCached: one.stage !== 'finetune' && one.stage !== 'evaluation',
  }));
  expect(secondsOf({ seeds: 1 }, { stages }).total).toBeCloseTo(4 + 3 * 34, 9);
});

test('random halves take a training by their share and a scoring each, and test rows one gradient pass', () => {
  const { total, lds } = secondsOf({ seeds: 1, lds: 4 });
  // 30 s of training at 15 % are 100 s at half; a gradient pass is three scorings.
  expect(lds).toBeCloseTo(4 * (100 + 4) + 12, 9);
  expect(total).toBeCloseTo(9 + 162 + lds, 9);
  expect(secondsOf({ seeds: 1 }).lds).toBe(0);
});
