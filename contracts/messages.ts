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
  /** Keeps the reference model and the gradients of the last run of the name, as far as its rows are still there. */
  incremental: boolean;
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
  /** Names the work on this table in this store: runs that share it compute each shard once. */
  workId: string;
  shardCount: number;
  /** The whole table where it is already complete. */
  finished: GradientsResult | null;
  /** Why a better engine is not used. */
  warnings: string[];
}

export interface AwaitGradientsInput {
  workflowId: string;
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
  /** Carried over continue-as-new: the next shard, what is done, and whether it is paused. */
  next: number;
  done: GradientShard[];
  isPaused?: boolean;
}

export interface CloseGradientsInput extends GradientsInput {
  address: string;
  shards: GradientShard[];
}

export interface GradientsResult {
  /** The table that this run has made. */
  gradients: ArtifactReference;
  /** Tables of earlier runs whose rows are used as well. */
  reused: ArtifactReference[];
  /** Coordinates of a whole gradient vector, before projection. */
  parameterCount: number;
  /** Rows that turned out unusable only now. */
  quarantined: { reason: Reason; count: number }[];
  cached: boolean;
}

export interface EstimateValuesInput {
  config: Config;
  /** Says which rows of the tables count, with their tasks and places: joined by content. */
  rows: ArtifactReference;
  gradients: ArtifactReference[];
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
  /** What an incremental run has kept and changed; null for a run from nothing. */
  reselection: Reselection | null;
}

export type StageState = 'waiting' | 'running' | 'done' | 'cached' | 'skipped' | 'failed';

/** What an incremental run has kept of the last one, and what became of the selection. */
export interface Reselection {
  /** Whether nothing has changed, so that the last result stands. */
  unchanged: boolean;
  /** Usable rows without a gradient so far; edited ones count. */
  newRowCount: number;
  /** Rows of the last tables that the dataset has no more. */
  removedRowCount: number;
  /** New rows over usable rows, in [0, 1]. */
  newFraction: number;
  /** Whether the reference model was kept, or tuned again, and why. */
  referenceModel: 'kept' | 'tuned_again';
  reason: string;
  /** Against the last selection; null where there is none to compare with. */
  change: SelectionChange | null;
}

/** Why a row entered or left the selection. */
export type ChangeReason =
  /** The dataset has not had it before. */
  | 'new_row'
  /** The dataset has it no more. */
  | 'removed_row'
  /** It cannot be used any more. */
  | 'quarantined_row'
  /** Its task has more, or fewer, rows to give. */
  | 'quota_changed'
  /** Others of its task are drawn before it now, or it before them. */
  | 'redrawn';

/** Two selections, row content by row content. */
export interface SelectionChange {
  /** Holds `changes.jsonl`: one line a row that entered or left. */
  changes: ArtifactReference;
  enteredCount: number;
  leftCount: number;
  stayedCount: number;
  /** Common rows over rows of either, in [0, 1]. */
  jaccard: number;
  entered: { reason: ChangeReason; count: number }[];
  left: { reason: ChangeReason; count: number }[];
}

/** The last finished run of a name, as the store keeps it. */
export interface LastRun {
  /** Hash of what the dataset was. */
  fingerprint: string;
  /** Start of the run, milliseconds since the epoch: a later one is never replaced by an earlier one. */
  startedAtMs: number;
  result: RunResult;
}

export interface FingerprintInput {
  config: Config;
}

export interface ReadLastRunInput extends FingerprintInput {
  runName: string;
}

export interface KeepLastRunInput extends ReadLastRunInput {
  last: LastRun;
}

export interface PlanNewRowsInput extends GradientsInput {
  /** Gradient tables that are there, and rows of the last run. */
  tables: ArtifactReference[];
  lastRows: ArtifactReference;
}

/** Which rows lack a gradient. */
export interface NewRowsPlan {
  /** Why the tables cannot be used, in words; null where they can. */
  refusal: string | null;
  /** A rows table of the new rows alone with a plan of its own; null where there are none. */
  newRows: ArtifactReference | null;
  newRowCount: number;
  keptRowCount: number;
  removedRowCount: number;
  /** Rows of the tables that are still there and turned out unusable when their gradient was taken. */
  quarantined: { reason: Reason; count: number }[];
}

/** One side of a comparison. */
export interface ComparedSelection {
  rows: ArtifactReference;
  selection: ArtifactReference;
  quotas: { task: string; quota: number }[];
}

export interface CompareSelectionsInput {
  config: Config;
  before: ComparedSelection;
  after: ComparedSelection;
}

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
