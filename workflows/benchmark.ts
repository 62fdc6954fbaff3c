// A benchmark: many runs of one recipe, over seeds and budgets, and what they say together.
import { ApplicationFailure, defineQuery, executeChild, proxyActivities, setHandler } from '@temporalio/workflow';
import type { ComputeActivities } from '../activities/compute.ts';
import type { ControlActivities } from '../activities/control.ts';
import { stepCountOf, trainingSchedule } from '../algorithms/training-schedule.ts';
import { benchmarkGrid, cellConfig, gridProblem, subsetConfig } from '../contracts/benchmark-cells.ts';
import type { BenchmarkCell, BenchmarkGrid, StepSchedule } from '../contracts/benchmark-cells.ts';
import type { Config } from '../contracts/config.ts';
import type { BenchmarkInput, BenchmarkResult, CellProgress, LdsSubset } from '../contracts/messages/benchmark.ts';
import type { ScanResult } from '../contracts/messages/dataset.ts';
import type { RunInput, RunResult } from '../contracts/messages/run.ts';
import type { ArtifactReference } from '../contracts/references.ts';
import { computeOptions, controlOptions } from './activity-options.ts';
import { scoreSubsets, subsetCells, subsetOf } from './benchmark-lds.ts';
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
  const halves = subsetCells(config);
  const progress = [...grid.cells, ...halves].map((cell) => waiting(benchmarkName, cell));
  setHandler(benchmarkQuery, () => progress, { description: 'Where the benchmark stands, run by run.' });
  const compute = proxyActivities<ComputeActivities>(computeOptions(input.heartbeatTimeoutMs));
  const control = proxyActivities<ControlActivities>(controlOptions(input.heartbeatTimeoutMs));
  const dataset = await compute.scanRows({ config, source: 'dataset' });
  const test = await compute.scanRows({ config, source: 'evaluation' });
  const base = compute.evaluateModel({ config, rows: test.rows, adapter: null });
  // Awaited below; until then its failure is nobody's.
  base.catch(() => undefined);
  const isShared = config.benchmark.reference === 'shared';
  const reference = isShared || halves.length > 0 ? await makeReference(input) : null;
  const schedules = stepSchedules(grid, config, dataset);
  const kept = new Map<string, ArtifactReference>();
  const runCell = async (cell: BenchmarkCell): Promise<void> => {
    const own = cellConfig(config, cell, cell.length === 'steps' ? schedules.get(cell.budget)! : null);
    await timed(lineOf(progress, cell), async (line) => {
      const result = await childRun(input, line, runInput(input, own));
      const { cell: found, scores } = await control.keepBenchmarkCell({ config: own, cell, result });
      kept.set(cell.name, found);
      return scores;
    });
  };
  await inWindow(grid.seeds, input.seedWindow, async (seed) => {
    for (const cell of grid.cells) if (cell.seed === seed) await runCell(cell);
  });
  const subsets = await runHalves(input, halves, progress);
  const lds = reference === null || halves.length === 0 ? null : await scoreSubsets(input, reference, test, subsets);
  const { macroAccuracy, tasks } = await base;
  const warnings = [...new Set([...dataset.warnings, ...test.warnings])];
  const written = await control.writeBenchmark({
    config,
    benchmarkName,
    cells: grid.cells.map(({ name }) => kept.get(name)!),
    baseOutcome: { macroAccuracy, tasks },
    warnings,
    durationMs: Date.now() - startedAtMs,
    ...(lds !== null && { lds }),
  });
  return { benchmarkName, config, cells: progress, warnings, ...written };
}

/** One model a random half, all by the one reference model: as many in work at a time as seeds are. */
async function runHalves(
  input: BenchmarkInput,
  halves: readonly BenchmarkCell[],
  progress: CellProgress[],
): Promise<LdsSubset[]> {
  const { config, seedWindow } = input;
  const found = new Map<string, LdsSubset>();
  await inWindow(halves, seedWindow, (cell) =>
    timed(lineOf(progress, cell), async (line) => {
      const own = runInput(input, subsetConfig(config, cell));
      const result = await childRun(input, line, { ...own, referenceSeed: config.run.seed });
      found.set(cell.name, subsetOf(result));
      return result.methods.map(({ method, evaluation }) => ({ method, macroAccuracy: evaluation!.macroAccuracy }));
    }),
  );
  return halves.map(({ name }) => found.get(name)!);
}

/** Does the work of a run, and says when it began and ended. @param work gives its scores */
async function timed(line: CellProgress, work: (line: CellProgress) => Promise<CellProgress['scores']>): Promise<void> {
  Object.assign(line, { state: 'running', startedAtMs: Date.now() });
  const scores = await work(line);
  Object.assign(line, { state: 'done', scores, durationMs: Date.now() - line.startedAtMs! });
}

function lineOf(progress: CellProgress[], { name }: BenchmarkCell): CellProgress {
  return progress.find((line) => line.name === name)!;
}

function childRun(
  { benchmarkName }: BenchmarkInput,
  { name, workflowId }: CellProgress,
  run: RunInput,
): Promise<RunResult> {
  return executeChild(tiveRun, { workflowId, args: [run], staticSummary: `${benchmarkName}: ${name}` });
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

/** The reference model of `run.seed`, and the gradients and values by it, which runs that share it find then. */
function makeReference(input: BenchmarkInput): Promise<RunResult> {
  return executeChild(tiveRun, {
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
