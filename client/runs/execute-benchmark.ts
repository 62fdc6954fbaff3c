// A benchmark from start to end, as commands execute it: its time beforehand, progress, the page and the tables.
import { readFile } from 'node:fs/promises';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { stringify } from 'yaml';
import { benchmarkGrid, gridProblem, subsetCountOf } from '../../contracts/benchmark-cells.ts';
import { withDiskNames } from '../../contracts/disk-names.ts';
import { InvalidConfigError } from '../../contracts/failures.ts';
import type { BenchmarkInput, BenchmarkResult, CellProgress } from '../../contracts/messages/benchmark.ts';
import { CONTROL_QUEUE } from '../../contracts/queues.ts';
import type { StageProgress } from '../../contracts/messages/run.ts';
import { endLeases } from '../../store/leases.ts';
import { openStore } from '../../store/open-store.ts';
import type { tiveBenchmark } from '../../workflows/benchmark.ts';
import { benchmarkDisplay } from '../terminal/benchmark-display.ts';
import type { BenchmarkStatus } from '../terminal/benchmark-display.ts';
import { EXIT } from '../terminal/outcome.ts';
import { attend, watchUntilEnd } from './attend.ts';
import type { Attended, AttendOptions } from './attend.ts';
import { recordBenchmark, saveBenchmark } from './benchmark-folder.ts';
import { benchmarkSeconds } from './benchmark-time.ts';
import { benchmarkHash } from './recipe-mark.ts';
import { recordCluster } from './run-folder.ts';
import { workflowIdOf } from './runs.ts';

/** How a benchmark is executed; what it compares is in its config. */
export interface BenchmarkOptions extends AttendOptions {
  heartbeatTimeoutMs: number;
  /** Command that goes on with it, for messages. */
  resumeCommand: string;
  /** File of the recipe, which is copied into the folder; null for a preset. */
  recipeFile: string | null;
}

/** What a finished benchmark left. */
export interface ExecutedBenchmark {
  exitCode: number;
  /** Null where it was interrupted. */
  result: BenchmarkResult | null;
  /** Place of its page. */
  pagePath: string | null;
}

/** Key of its hash in the memo of its workflow. */
const BENCHMARK_MARK = 'tiveBenchmark';

const POLL_MS = 1000;
const SHARD_WINDOW = 8;
/** Seeds in work at a time: enough that no process waits while a reference model is tuned. */
const SEED_WINDOW = 4;

/** Name of a recipe's benchmark, of its folder and its workflow: that of its run, cut so that it stays a name. */
export function benchmarkNameOf(runName: string): string {
  return `${runName.slice(0, 64 - '-benchmark'.length)}-benchmark`;
}

/**
 * Runs a recipe's benchmark, showing progress on standard error; goes on with one that was stopped.
 * @throws InvalidConfigError where the recipe names no test rows, or too many runs
 */
export async function executeBenchmark(options: BenchmarkOptions): Promise<ExecutedBenchmark> {
  const { config, quiet, address } = options;
  const grid = benchmarkGrid(config);
  const problem = gridProblem(grid, config);
  if (problem !== null) throw new InvalidConfigError(problem);
  const say = (text: string): void => void process.stderr.write(quiet ? '' : `${text}\n`);
  const count = grid.cells.reduce((sum, { methods }) => sum + methods.length, 0);
  const seeds = `${grid.seeds.length} ${grid.seeds.length === 1 ? 'seed' : 'seeds'}`;
  const halves = subsetCountOf(config.benchmark);
  const beside = halves === 0 ? '' : `, and ${halves} on random halves of the rows`;
  say(`${count} trainings: ${grid.methods.join(', ')} with ${seeds}${beside}`);
  // A cluster's machines are not this one.
  if (address === null && !quiet) say(await benchmarkSeconds(config, options.processCount, say));
  return attend(options, (attended) => workThrough(options, attended));
}

async function workThrough(options: BenchmarkOptions, attended: Attended): Promise<ExecutedBenchmark> {
  const { config, resumeCommand, recipeFile, namespace } = options;
  const { runtime, folder, say } = attended;
  const handle = await startBenchmark(options, attended);
  if (recipeFile !== null) await folder.write('recipe.yaml', await readFile(recipeFile));
  await folder.write('recipe.resolved.yaml', stringify(withDiskNames(config)));
  await recordCluster(folder, runtime.embedded ? null : { address: runtime.address, namespace });
  const store = openStore(config.store.uri);
  const result = await follow(handle, options, attended);
  if (result === null) {
    say(`${runtime.embedded ? 'stopped; go on' : 'it goes on; follow it'}: ${resumeCommand}`);
    return { exitCode: EXIT.interrupted, result: null, pagePath: null };
  }
  for (const { workflowId } of result.cells) await endLeases(store, workflowId).catch(() => undefined);
  await endLeases(store, handle.workflowId).catch(() => undefined);
  return { exitCode: EXIT.done, result, pagePath: await saveBenchmark(folder, store, result) };
}

/** Starts the benchmark, or joins the open one of the same name and recipe. */
async function startBenchmark(
  { runName, config, heartbeatTimeoutMs }: BenchmarkOptions,
  { runtime }: Attended,
): Promise<WorkflowHandle<typeof tiveBenchmark>> {
  const input: BenchmarkInput = {
    benchmarkName: runName,
    config,
    heartbeatTimeoutMs,
    shardWindow: SHARD_WINDOW,
    seedWindow: SEED_WINDOW,
  };
  const handle = await runtime.client.workflow.start<typeof tiveBenchmark>('tiveBenchmark', {
    taskQueue: CONTROL_QUEUE,
    workflowId: workflowIdOf(runName),
    workflowIdConflictPolicy: runtime.embedded ? 'TERMINATE_EXISTING' : 'USE_EXISTING',
    args: [input],
    staticSummary: `benchmark of ${benchmarkGrid(config).methods.join(', ')}`.slice(0, 100),
    memo: { [BENCHMARK_MARK]: benchmarkHash(config) },
  });
  const open = (await handle.describe()).memo?.[BENCHMARK_MARK];
  if (open === benchmarkHash(config)) return handle;
  throw new InvalidConfigError(
    `run.name: must be that of one benchmark, got "${runName}", which is open with another recipe, or other methods, budgets or seeds; end it, or set another run.name`,
  );
}

/** Shows the benchmark until it ends. @returns null where the person interrupted it */
async function follow(
  handle: WorkflowHandle<typeof tiveBenchmark>,
  { quiet, isTerminal }: BenchmarkOptions,
  attended: Attended,
): Promise<BenchmarkResult | null> {
  const show = quiet ? null : benchmarkDisplay(process.stderr, isTerminal);
  let recorded = '';
  const look = async (): Promise<void> => {
    const status = await statusOf(attended.runtime.client, handle).catch(() => null);
    if (status === null) return;
    show?.(status);
    const states = status.cells.map(({ state }) => state).join();
    if (states !== recorded) await recordBenchmark(attended.folder, { cells: status.cells, verdict: null });
    recorded = states;
  };
  const { hasEnded, result } = await watchUntilEnd(attended, () => handle.result(), look, POLL_MS);
  return hasEnded ? result : null;
}

/** Its runs, and the stages of those that are at work; a run that has just begun does not answer yet. */
async function statusOf(client: Client, handle: WorkflowHandle<typeof tiveBenchmark>): Promise<BenchmarkStatus> {
  const cells = await handle.query<CellProgress[]>('benchmarkProgress');
  const working = cells.filter(({ state }) => state === 'running');
  const stages = await Promise.all(
    working.map(async ({ name, workflowId }) => {
      const run = client.workflow.getHandle(workflowId);
      return [name, await run.query<StageProgress[]>('progress').catch(() => [])] as const;
    }),
  );
  return { cells, stages: new Map(stages) };
}
