// A benchmark: many runs of one recipe, over seeds and budgets, and what they say together.
import { ApplicationFailure, defineQuery, executeChild, proxyActivities, setHandler } from '@temporalio/workflow';
import type { ComputeActivities } from '../activities/compute.ts';
import type { ControlActivities } from '../activities/control.ts';
import { stepCountOf, trainingSchedule } from '../algorithms/training-schedule.ts';
import { benchmarkGrid, cellConfig, gridProblem } from '../contracts/benchmark-cells.ts';
import type { BenchmarkCell, BenchmarkGrid, StepSchedule } from '../contracts/benchmark-cells.ts';
import type { Config } from '../contracts/config.ts';
import type { BenchmarkInput, BenchmarkResult, CellProgress } from '../contracts/messages/benchmark.ts';
import type { ScanResult } from '../contracts/messages/dataset.ts';
import type { RunInput } from '../contracts/messages/run.ts';
import type { ArtifactReference } from '../contracts/references.ts';
import { computeOptions, controlOptions } from './activity-options.ts';
import { tiveRun } from './run.ts';

/** Where a benchmark stands, run by run. */
export const benchmarkQuery = defineQuery<CellProgress[]>('benchmarkProgress');

/**
 * Runs the recipe once for every seed, budget and length of training, and compares its methods over the seeds. Runs of
 * one seed follow one another, so that the later ones find the reference model and the gradients of the first; several
 * seeds are in work at a time. What is the same for all, the rows and the base model's scores, is made once before.
 */
export async function tiveBenchmark(input: BenchmarkInput): Promise<BenchmarkResult> {
  const { config, benchmarkName } = input;
  const startedAtMs = Date.now();
  const grid = benchmarkGrid(config);
  requireGrid(grid, config);
  const progress = grid.cells.map((cell) => waiting(benchmarkName, cell));
  setHandler(benchmarkQuery, () => progress, { description: 'Where the benchmark stands, run by run.' });
  const compute = proxyActivities<ComputeActivities>(computeOptions(input.heartbeatTimeoutMs));
  const control = proxyActivities<ControlActivities>(controlOptions(input.heartbeatTimeoutMs));
  const dataset = await compute.scanRows({ config, source: 'dataset' });
  const test = await compute.scanRows({ config, source: 'evaluation' });
  const base = compute.evaluateModel({ config, rows: test.rows, adapter: null });
  // Awaited below; until then its failure is nobody's.
  base.catch(() => undefined);
  if (config.benchmark.reference === 'shared') await shareReference(input);
  const schedules = stepSchedules(grid, config, dataset);
  const kept = new Map<string, ArtifactReference>();
  const runCell = async (cell: BenchmarkCell): Promise<void> => {
    const line = progress[grid.cells.indexOf(cell)]!;
    Object.assign(line, { state: 'running', startedAtMs: Date.now() });
    const own = cellConfig(config, cell, cell.length === 'steps' ? schedules.get(cell.budget)! : null);
    const result = await executeChild(tiveRun, {
      workflowId: line.workflowId,
      args: [runInput(input, own)],
      staticSummary: `${benchmarkName}: ${cell.name}`,
    });
    const { cell: reference, scores } = await control.keepBenchmarkCell({ config: own, cell, result });
    kept.set(cell.name, reference);
    Object.assign(line, { state: 'done', scores, durationMs: Date.now() - line.startedAtMs! });
  };
  await inWindow(grid.seeds, input.seedWindow, async (seed) => {
    for (const cell of grid.cells) if (cell.seed === seed) await runCell(cell);
  });
  const { macroAccuracy, tasks } = await base;
  const warnings = [...new Set([...dataset.warnings, ...test.warnings])];
  const written = await control.writeBenchmark({
    config,
    benchmarkName,
    cells: grid.cells.map(({ name }) => kept.get(name)!),
    baseOutcome: { macroAccuracy, tasks },
    warnings,
    durationMs: Date.now() - startedAtMs,
  });
  return { benchmarkName, config, cells: progress, warnings, ...written };
}

/** @throws ApplicationFailure of type InvalidConfigError for a grid that cannot be worked through, or scores nothing */
function requireGrid(grid: BenchmarkGrid, config: Config): void {
  const problem = gridProblem(grid, config);
  if (problem !== null) throw ApplicationFailure.nonRetryable(problem, 'InvalidConfigError');
}

function waiting(benchmarkName: string, { name, seed, methods }: BenchmarkCell): CellProgress {
  return {
    name,
    workflowId: `tive-${benchmarkName}/${name}`,
    seed,
    trainingCount: methods.length,
    state: 'waiting',
    scores: [],
    startedAtMs: null,
    durationMs: null,
  };
}

function runInput(input: BenchmarkInput, config: Config): RunInput {
  const { benchmarkName, heartbeatTimeoutMs, shardWindow } = input;
  const { benchmark, run } = input.config;
  return {
    runName: benchmarkName,
    config,
    until: 'evaluation',
    heartbeatTimeoutMs,
    shardWindow,
    incremental: false,
    ...(benchmark.reference === 'shared' ? { referenceSeed: run.seed } : {}),
  };
}

/** The one reference model, and the gradients and values by it, which all runs find then. */
async function shareReference(input: BenchmarkInput): Promise<void> {
  await executeChild(tiveRun, {
    workflowId: `tive-${input.benchmarkName}/reference`,
    args: [{ ...runInput(input, input.config), until: 'values' }],
    staticSummary: `${input.benchmarkName}: the shared reference model`,
  });
}

/** By budget: the largest budget's batch and rate, and as many passes as come nearest to its steps. */
function stepSchedules(
  { budgets }: BenchmarkGrid,
  { finetune, dataset: { excludeTasks } }: Config,
  { tasks }: ScanResult,
): Map<number | null, StepSchedule> {
  const eligible = tasks.filter(({ task }) => !excludeTasks.includes(task));
  const baseCount = eligible.reduce((sum, { usableCount }) => sum + usableCount, 0);
  const rowsOf = (budget: number | null): number => Math.max(1, Math.round((budget ?? 1) * baseCount));
  const largest = trainingSchedule(rowsOf(budgets.at(-1)!), finetune);
  const wanted = stepCountOf(rowsOf(budgets.at(-1)!), largest);
  return new Map(
    budgets.map((budget) => {
      const perEpoch = Math.ceil(rowsOf(budget) / largest.batchSize);
      return [budget, { ...largest, epochs: Math.max(1, Math.round(wanted / perEpoch)) }];
    }),
  );
}

/** Does the work of every item, a number of them at a time. Waits for all that began before it throws. */
async function inWindow<Item>(
  items: readonly Item[],
  size: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const left = [...items];
  const lane = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  const lanes = Array.from({ length: Math.min(size, items.length) }, lane);
  await Promise.allSettled(lanes);
  await Promise.all(lanes);
}
