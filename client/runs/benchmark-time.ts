// How long a benchmark takes, told from a run's plan before it begins.
import { SUBSET_SHARE, benchmarkGrid, cellConfig, subsetCountOf } from '../../contracts/benchmark-cells.ts';
import type { BenchmarkCell } from '../../contracts/benchmark-cells.ts';
import type { Config } from '../../contracts/config.ts';
import type { PlannedStage, RunPlan } from '../../contracts/plan.ts';
import type { Stage } from '../../contracts/stages.ts';
import { planInProcess } from './plan-in-process.ts';
import { durationText } from '../terminal/terminal-text.ts';

/** What no probe sees: servers and processes that start, and what every training costs beside its rows. */
const START_SECONDS = 6;
const SECONDS_PER_TRAINING = 1;
/** Forward passes that a forward and a backward pass are as long as. */
const PASSES_PER_GRADIENT = 3;

/** Shares of the whole that are done, by what is expected of each run; the unit is seconds on one process. */
export interface BenchmarkSeconds {
  /** Rows read, base model scored, the shared reference model. */
  before: number;
  /** By name of the run. */
  cells: ReadonlyMap<string, number>;
  /** Models on random halves of the rows, their scores, and the gradients of the test rows. */
  lds: number;
  total: number;
}

/**
 * What the benchmark takes, in a sentence: a plan of the run with the largest budget, its trainings scaled by budget,
 * what seeds share counted once. Work is spread over all processes, since several seeds are in work at a time.
 */
export async function benchmarkSeconds(
  config: Config,
  processCount: number | null,
  say: (text: string) => void,
): Promise<string> {
  const { cells } = benchmarkGrid(config);
  const own = cells.filter(({ isFull }) => !isFull);
  const largest = own.reduce((most, cell) => ((cell.budget ?? 0) > (most.budget ?? 0) ? cell : most));
  const question = {
    config: cellConfig(config, largest, null),
    withProbe: true,
    until: 'evaluation' as const,
    processCount,
  };
  const plan = await planInProcess(question, say);
  const { total } = expectedSeconds(plan, cells, largest, config);
  const halves = subsetCountOf(config.benchmark);
  const trainings = cells.reduce((sum, { methods }) => sum + methods.length, halves);
  const overhead = START_SECONDS + SECONDS_PER_TRAINING * trainings;
  const processes = Math.max(1, Math.min(plan.total?.processCount ?? 1, cells.length + halves));
  if (total === 0) return 'most of it is in the store already';
  return `about ${durationText(overhead + total / processes)} in all, by a probe of this machine, on ${processes} ${processes === 1 ? 'process' : 'processes'}`;
}

/** What each run takes beyond those before it. */
export function expectedSeconds(
  plan: Pick<RunPlan, 'stages'>,
  cells: readonly BenchmarkCell[],
  planned: BenchmarkCell,
  { benchmark, evaluation }: Config,
): BenchmarkSeconds {
  const stageOf = (stage: Stage): PlannedStage | undefined => plan.stages.find((one) => one.stage === stage);
  const secondsOf = (stage: Stage): number => {
    const found = stageOf(stage);
    return found === undefined || found.isCached ? 0 : (found.seconds ?? 0);
  };
  const reference = secondsOf('warmup') + secondsOf('gradients');
  const isShared = benchmark.reference === 'shared';
  const training = secondsOf('finetune') / planned.methods.length;
  const scoring = secondsOf('evaluation') / (planned.methods.length + 1);
  const seen = new Set<number>();
  const seconds = new Map<string, number>();
  for (const { name, seed, budget, length, methods } of cells) {
    // Equal steps take as long at every budget.
    const part = length === 'steps' ? 1 : (budget ?? 1) / (planned.budget ?? 1);
    const own = seen.has(seed) || isShared ? 0 : reference;
    seen.add(seed);
    seconds.set(name, own + methods.length * (part * training + scoring));
  }
  const halves = subsetCountOf(benchmark);
  // A budget in rows is a share of those whose gradients are taken.
  const rows = stageOf('gradients')?.rowCount ?? 0;
  const share = planned.budget ?? (rows === 0 ? 1 : (stageOf('finetune')?.rowCount ?? rows) / rows);
  // Answers are not generated there, which were as much again.
  const losses = evaluation.generate === true ? scoring / 2 : scoring;
  const lds = halves === 0 ? 0 : halves * ((SUBSET_SHARE / share) * training + losses) + PASSES_PER_GRADIENT * losses;
  const before = secondsOf('dataset') + scoring + (isShared ? reference : 0);
  const total = [...seconds.values()].reduce((sum, one) => sum + one, before + lds);
  return { before, cells: seconds, lds, total };
}
