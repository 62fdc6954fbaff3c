// What a benchmark is started with, what it finds, and where it stands.
import type { Config, SelectionMethod, TrainingLength } from '../config.ts';
import type { ArtifactReference } from '../references.ts';
import type { BenchmarkCell } from '../benchmark-cells.ts';
import type { StressShare } from '../stress.ts';
import type { RunResult } from './run.ts';
import type { TaskScore } from './training.ts';

/** What a benchmark is started with: the only argument of its workflow. */
export interface BenchmarkInput {
  /** `[a-z0-9-]{1,64}`. */
  benchmarkName: string;
  config: Config;
  heartbeatTimeoutMs: number;
  shardWindow: number;
  /** Seeds in work at a time. */
  seedWindow: number;
}

/** One method in one run of a benchmark: what was chosen, and what it is worth. */
export interface BenchmarkArm {
  seed: number;
  /** Share of the base; null for a budget in rows. */
  budget: number | null;
  length: TrainingLength;
  /** Whether it was tuned on all rows. */
  isFull: boolean;
  method: SelectionMethod;
  selection: ArtifactReference;
  rowCount: number;
  stepCount: number;
  /** Smallest ESS_t/n_t over the tasks; null where rows are not weighted. */
  effectiveShare: number | null;
  /** What was taken of rows that were made worse on purpose; null where none were. */
  stress: StressShare[] | null;
  tasks: TaskScore[];
  macroAccuracy: number;
  meanLoss: number;
  /** Of generated answers, over the tasks with short ones; not there where none were generated. */
  macroGenerated?: number | null;
}

/** All that one run of a benchmark has found, as it lies in the store. */
export interface KeptCell {
  /** Holds the arms. */
  cell: ArtifactReference;
  /** In words, for who watches. */
  scores: { method: SelectionMethod; macroAccuracy: number; macroGenerated?: number | null }[];
}

export interface KeepCellInput {
  config: Config;
  cell: BenchmarkCell;
  result: RunResult;
}

/** One run of a benchmark as a person sees it. */
export interface CellProgress {
  name: string;
  /** Id of its workflow. */
  workflowId: string;
  seed: number;
  /** Trainings that it makes. */
  trainingCount: number;
  state: 'waiting' | 'running' | 'done';
  scores: KeptCell['scores'];
  startedAtMs: number | null;
  durationMs: number | null;
}

export interface WriteBenchmarkInput {
  config: Config;
  benchmarkName: string;
  cells: ArtifactReference[];
  baseOutcome: { macroAccuracy: number; tasks: TaskScore[] };
  warnings: string[];
  durationMs: number;
  /** Not there where none was asked for. */
  lds?: LdsResult;
}

/** What a linear datamodelling score is made of: tables by one reference model, and models tuned on random subsets. */
export interface LdsInput {
  config: Config;
  /** The dataset's rows and their gradient tables. */
  rows: ArtifactReference;
  gradients: ArtifactReference[];
  /** The test rows as they are scored, and the table of their gradients. */
  testRows: ArtifactReference;
  queries: ArtifactReference;
  subsets: LdsSubset[];
}

/** One random subset, and the outcomes of the model that was tuned on it. */
export interface LdsSubset {
  selection: ArtifactReference;
  outcomes: ArtifactReference;
}

/** Mean rank correlation, over test rows, of predicted and measured outcomes of the subsets. */
export interface LdsScore {
  /** In [−1, 1]; null where no row counts. */
  score: number | null;
  /** 95 % percentile bootstrap over the subsets; null below three subsets, and where no row counts. */
  interval: [number, number] | null;
  /** Test rows that count. */
  rowCount: number;
  /** Test rows whose predictions or losses are the same for all subsets: left out. */
  constantCount: number;
}

/** A linear datamodelling score over all test rows, and by task. */
export interface LdsResult extends LdsScore {
  subsetCount: number;
  /** Test rows without a gradient or a loss: left out. */
  unmatchedCount: number;
  tasks: ({ task: string } & LdsScore)[];
}

export interface BenchmarkReport {
  report: ArtifactReference;
  /** The scores as a text table. */
  lines: string[];
  /** What was measured, in sentences: the recipe's own method first. */
  verdict: string[];
  /** The linear datamodelling score in words; not there where none was asked for. */
  ldsLines?: string[];
}

/** Everything that a benchmark has found. */
export interface BenchmarkResult extends BenchmarkReport {
  benchmarkName: string;
  config: Config;
  cells: CellProgress[];
  warnings: string[];
}
