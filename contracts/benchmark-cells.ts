// The runs that a benchmark is made of: one for each seed, budget and length of training, and for each random half.
import type { Config, SelectionMethod, TrainingLength } from './config.ts';
import { workOf } from './work.ts';

/** One run of a benchmark: all its methods at one budget, with one seed. */
export interface BenchmarkCell {
  /** `seed-1/15-percent/epochs`: part of the id of its workflow. */
  name: string;
  seed: number;
  /** Share of the base; 1 for all rows, null for a budget in rows. */
  budget: number | null;
  length: TrainingLength;
  /** Whether this is the training on all rows. */
  isFull: boolean;
  methods: readonly SelectionMethod[];
}

/** All runs that a recipe's benchmark makes, those of a seed beside one another. */
export interface BenchmarkGrid {
  seeds: readonly number[];
  methods: readonly SelectionMethod[];
  budgets: readonly (number | null)[];
  lengths: readonly TrainingLength[];
  cells: readonly BenchmarkCell[];
}

/** Runs of one benchmark: all are named in one history. */
const MOST_CELLS = 500;

/** Rows are drawn from all tasks together, so that a budget of everything takes everything. */
const FULL_METHOD: SelectionMethod = 'random';

/**
 * The grid of a recipe. Equal steps differ from equal epochs below the largest budget only, so that there the largest
 * budget's runs stand for both.
 */
export function benchmarkGrid(config: Config): BenchmarkGrid {
  const { benchmark, allocation, run } = config;
  const methods = [...new Set(benchmark.methods ?? workOf(config, 'report').methods)];
  const budgets = benchmark.budgets === null ? [allocation.budgetFraction] : ascending(benchmark.budgets);
  const seeds = Array.from({ length: benchmark.seeds }, (_, index) => run.seed + index);
  const lengths = budgets.length === 1 ? (['epochs'] as const) : [...new Set(benchmark.lengths)];
  const cells = seeds.flatMap((seed) => [
    ...lengths.flatMap((length) => budgets.map((budget) => cellOf({ seed, budget, length, isFull: false, methods }))),
    ...(benchmark.full ? [cellOf({ seed, budget: 1, length: 'epochs', isFull: true, methods: [FULL_METHOD] })] : []),
  ]);
  return { seeds, methods, budgets, lengths, cells };
}

function ascending(budgets: readonly number[]): number[] {
  return [...new Set(budgets)].sort((left, right) => left - right);
}

function cellOf(cell: Omit<BenchmarkCell, 'name'>): BenchmarkCell {
  const { seed, budget, length, isFull } = cell;
  const share = isFull ? 'all-rows' : budget === null ? 'rows' : `${Number((100 * budget).toPrecision(12))}-percent`;
  return { ...cell, name: `seed-${seed}/${share}/${length}` };
}

/** How often the rows of a smaller budget are passed over, so that all budgets take as many steps. */
export interface StepSchedule {
  epochs: number;
  batchSize: number;
  learningRate: number;
}

/** The recipe of one run of the benchmark. @param schedule of a run of equal steps, else null */
export function cellConfig(config: Config, cell: BenchmarkCell, schedule: StepSchedule | null): Config {
  const [method, ...compare] = cell.methods;
  const allocation =
    cell.budget === null ? config.allocation : { ...config.allocation, budgetFraction: cell.budget, budgetRows: null };
  return {
    ...config,
    run: { ...config.run, seed: cell.seed },
    allocation: { ...allocation, approval: 'none' },
    selection: { ...config.selection, method: method! },
    finetune: { ...config.finetune, ...schedule },
    evaluation: { ...config.evaluation, compare },
  };
}

/** Why a benchmark of the recipe cannot be made, or null: `where: what must hold, got what; what to do`. */
export function gridProblem({ cells }: BenchmarkGrid, { evaluation, finetune, benchmark }: Config): string | null {
  if (evaluation.path === null) return 'evaluation.path: must name test rows for a benchmark, got none; set it';
  if (!finetune.enabled) return 'finetune.enabled: must be true for a benchmark, got false; leave it out';
  const count = cells.length + subsetCountOf(benchmark);
  if (count <= MOST_CELLS) return null;
  return `benchmark: must make at most ${MOST_CELLS} runs, got ${count}; take fewer seeds, budgets or lengths`;
}

/** Share of the usable rows that each random subset of a linear datamodelling score has. */
export const SUBSET_SHARE = 0.5;

/** Random subsets on which models are tuned for a linear datamodelling score; 0: none is asked for. */
export function subsetCountOf({ lds = 0 }: Config['benchmark']): number {
  return lds;
}

/** The run of one random subset. @param seed of its own, of the draw and of the training */
export function subsetCell(subset: number, seed: number): BenchmarkCell {
  const cell = { seed, budget: SUBSET_SHARE, length: 'epochs', isFull: false, methods: [FULL_METHOD] } as const;
  return { ...cell, name: `lds/subset-${subset + 1}` };
}

/**
 * The recipe of the run of a random subset: half of the usable rows, each once, drawn evenly from all of them, whatever
 * else the recipe would leave out or weigh. Its test rows' losses are all that is asked for.
 */
export function subsetConfig(config: Config, cell: BenchmarkCell): Config {
  const own = cellConfig(config, cell, null);
  return {
    ...own,
    allocation: { ...own.allocation, budgetBase: 'eligible', overflow: 'redistribute', augment: 'none' },
    selection: { ...own.selection, replacement: false, filters: [], nearDuplicateWeight: null, rounds: 1 },
    evaluation: { ...own.evaluation, generate: false, scorers: null },
  };
}
