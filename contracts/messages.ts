import type { Config, SelectionMethod } from './config.ts';
import type { ArtifactReference, FileReference } from './references.ts';
import type { Reason } from './reasons.ts';
import type { Stage } from './stages.ts';

/** What a run is started with: the only argument of its workflow. */
export interface RunInput {
  /** `[a-z0-9-]{1,64}`. */
  runName: string;
  config: Config;
  /** Last stage to run; `report` runs all. */
  until: Stage;
  /** An activity whose process is silent for this long is given to another one. */
  heartbeatTimeoutMs: number;
  /** Gradient shards in work or waiting for a worker at a time. */
  shardWindow: number;
}

/** A new selection from the gradient table of a run that is there. */
export interface ReselectInput extends RunInput {
  base: RunResult;
}

/** Counts of one task in the dataset. */
export interface TaskCounts {
  task: string;
  /** Rows with the label, quarantined ones too. */
  rowCount: number;
  /** Rows that can be used. */
  usableCount: number;
}

export interface ScanInput {
  config: Config;
  /** Which rows: the ones to select from, or the test rows. */
  source: 'dataset' | 'evaluation';
}

export interface ScanResult {
  rows: ArtifactReference;
  /** All rows, quarantined ones too. */
  rowCount: number;
  usableCount: number;
  /** By task name; rows whose task is not known are counted in no task. */
  tasks: TaskCounts[];
  quarantined: { reason: Reason; count: number }[];
  /** Rows whose content another row has as well. */
  duplicateCount: number;
  microBatchCount: number;
  shardCount: number;
  /** Tokens of all usable rows, image tokens included. */
  tokenCount: number;
  warnings: string[];
  cached: boolean;
}

/** A trained or imported LoRA adapter. */
export interface AdapterResult {
  adapter: ArtifactReference;
  /** Rows that it was trained on; 0 for an imported one. */
  rowCount: number;
  stepCount: number;
  firstLoss: number | null;
  lastLoss: number | null;
  cached: boolean;
}

export interface TuneReferenceInput {
  config: Config;
  rows: ArtifactReference;
}

export interface GradientsInput {
  config: Config;
  rows: ArtifactReference;
  adapter: ArtifactReference;
}

/** Where the gradient table will lie. */
export interface GradientsPlan {
  address: string;
  shardCount: number;
  /** The whole table where it is already complete. */
  finished: GradientsResult | null;
  /** Why a better engine is not used. */
  warnings: string[];
}

export interface GradientShardInput extends GradientsInput {
  address: string;
  shard: number;
  shardCount: number;
}

/** One finished shard. */
export interface GradientShard {
  shard: number;
  file: FileReference;
  /** Rows that turned out unusable only now. */
  quarantined: { reason: Reason; count: number }[];
  cached: boolean;
}

export interface CollectGradientsInput extends GradientsInput {
  address: string;
  shardCount: number;
  shardStart: number;
  shardEnd: number;
  heartbeatTimeoutMs: number;
  shardWindow: number;
  /** Carried over continue-as-new: the next shard, and what is done. */
  next: number;
  done: GradientShard[];
}

export interface CloseGradientsInput extends GradientsInput {
  address: string;
  shards: GradientShard[];
}

export interface GradientsResult {
  gradients: ArtifactReference;
  /** Coordinates of a whole gradient vector, before projection. */
  parameterCount: number;
  /** Rows that turned out unusable only now. */
  quarantined: { reason: Reason; count: number }[];
  cached: boolean;
}

export interface EstimateValuesInput {
  config: Config;
  rows: ArtifactReference;
  gradients: ArtifactReference;
}

/** What one task is worth. */
export interface TaskValue {
  task: string;
  /** Usable rows with a gradient. */
  rowCount: number;
  /** v_t of the configured kind, null where the task has no row. */
  value: number | null;
  /** 95 % bootstrap interval of v_t; null for fewer than two rows. */
  interval: [number, number] | null;
  meanLoss: number | null;
  meanSupervisedTokens: number | null;
}

export interface ValuesResult {
  values: ArtifactReference;
  tasks: TaskValue[];
  warnings: string[];
  cached: boolean;
}

/** One task's line of an allocation; the terms of the method specification. */
export interface TaskAllocation {
  task: string;
  rows: number;
  value: number | null;
  share: number;
  ideal: number;
  quota: number;
}

export interface AllocateInput {
  config: Config;
  method: SelectionMethod;
  tasks: TaskValue[];
  /** Rows of the dataset, those of excluded tasks too. */
  allRowCount: number;
}

export interface AllocationResult {
  method: SelectionMethod;
  budget: number;
  tasks: TaskAllocation[];
  warnings: string[];
}

export interface SelectInput {
  config: Config;
  method: SelectionMethod;
  values: ArtifactReference;
  allocation: AllocationResult;
}

export interface SelectionResult {
  method: SelectionMethod;
  selection: ArtifactReference;
  /** Rows drawn, copies counted. */
  rowCount: number;
  tasks: { task: string; selected: number; copies: number; effectiveShare: number | null }[];
  warnings: string[];
  cached: boolean;
}

export interface FinetuneInput {
  config: Config;
  rows: ArtifactReference;
  selection: ArtifactReference;
}

export interface EvaluateInput {
  config: Config;
  /** Test rows. */
  rows: ArtifactReference;
  /** Null scores the base model. */
  adapter: ArtifactReference | null;
}

export interface TaskScore {
  task: string;
  rowCount: number;
  correctCount: number;
  meanLoss: number;
}

export interface EvaluationResult {
  outcomes: ArtifactReference;
  tasks: TaskScore[];
  /** Mean over tasks of the share of exactly right answers, in [0, 1]. */
  macroAccuracy: number;
  meanLoss: number;
  cached: boolean;
}

/** One method from its allocation to its scores. */
export interface MethodResult {
  method: SelectionMethod;
  allocation: AllocationResult;
  selection: SelectionResult | null;
  finetune: AdapterResult | null;
  evaluation: EvaluationResult | null;
}

/** Everything that a run has found so far; the report is made of it. */
export interface RunResult {
  runName: string;
  config: Config;
  dataset: ScanResult | null;
  warmup: AdapterResult | null;
  gradients: GradientsResult | null;
  values: ValuesResult | null;
  /** The selection's own method first. */
  methods: MethodResult[];
  /** Scores of the model before any fine-tuning. */
  baseEvaluation: EvaluationResult | null;
  evaluationRows: ScanResult | null;
  stages: StageProgress[];
  warnings: string[];
  report: ReportResult | null;
}

export type StageState = 'waiting' | 'running' | 'done' | 'cached' | 'skipped' | 'failed';

/** One line of the progress display. */
export interface StageProgress {
  stage: Stage;
  state: StageState;
  /** Facts in words, e.g. `7,968 rows  10 tasks  8 quarantined`. */
  detail: string;
  /** Work units: shards, or parts of a stage that runs several times. */
  doneCount: number;
  totalCount: number;
  /** Milliseconds since the epoch, by the workflow's clock; null before the start. */
  startedAtMs: number | null;
  durationMs: number | null;
}

/** What a heartbeat carries: a pointer into the store, and how far the work is. */
export interface Checkpoint {
  stage: Stage;
  /** Units done of `totalCount`: rows, steps. */
  doneCount: number;
  totalCount: number;
  /** Attempt in which `doneCount` last grew. */
  movedAtAttempt: number;
}

export interface ReportInput {
  result: RunResult;
}

export interface ReportResult {
  report: ArtifactReference;
  /** What was measured, in sentences: the verdict, then remarks. */
  verdict: string[];
}
