// What a run is started with, what it finds, and where it stands.
import type { Config, SelectionMethod } from '../config.ts';
import type { ArtifactReference } from '../references.ts';
import type { Stage } from '../stages.ts';
import type { ScanResult } from './dataset.ts';
import type { EarlierGradients, GradientsResult, QueriesResult } from './gradients.ts';
import type { Reselection, FingerprintInput } from './incremental.ts';
import type { AllocationResult, FilterResult, SelectionResult } from './selection.ts';
import type { AdapterResult, EvaluationResult } from './training.ts';
import type { ValuesResult } from './values.ts';

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
  /** Seed of the reference model, where it is not the run's: other runs share it. */
  referenceSeed?: number;
}

/** A new selection from the gradient table of a run that is there. */
export interface ReselectInput extends RunInput {
  base: RunResult;
  /** Nothing of it is kept under its name: somebody looks at what would be selected. */
  isPreview?: boolean;
}

/** One method from its allocation to its scores. */
export interface MethodResult {
  method: SelectionMethod;
  /** What was left out before; not there where nothing was asked to be. */
  filter?: FilterResult;
  allocation: AllocationResult;
  selection: SelectionResult | null;
  finetune: AdapterResult | null;
  evaluation: EvaluationResult | null;
}

/** What a round before the last one has chosen, and the model that was tuned on it. */
export interface RoundResult {
  /** Rows that it chose from, and that it chose. */
  fromCount: number;
  rowCount: number;
  selection: SelectionResult;
  finetune: AdapterResult;
  /** Of that model; null where no test rows are scored. */
  evaluation: EvaluationResult | null;
}

/** Everything that a run has found so far; the report is made of it. */
export interface RunResult {
  runName: string;
  config: Config;
  dataset: ScanResult | null;
  warmup: AdapterResult | null;
  gradients: GradientsResult | null;
  /** Gradients of queries; not there where no method asks for any of rows outside of the dataset. */
  queries?: QueriesResult;
  /** Gradients at checkpoints of the warm-up; not there where no method adds them. */
  earlierGradients?: EarlierGradients;
  values: ValuesResult | null;
  /** Rounds before the last one, in order; not there where there is one. */
  rounds?: RoundResult[];
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

/** A result of nothing yet. Its stages and warnings are the given ones, and grow with them. */
export function emptyResult(
  { runName, config }: Pick<RunInput, 'runName' | 'config'>,
  stages: StageProgress[],
  warnings: string[],
): RunResult {
  return {
    runName,
    config,
    dataset: null,
    warmup: null,
    gradients: null,
    values: null,
    methods: [],
    baseEvaluation: null,
    evaluationRows: null,
    stages,
    warnings,
    report: null,
    reselection: null,
  };
}

export type StageState = 'waiting' | 'running' | 'done' | 'cached' | 'skipped' | 'failed';

/** The last finished run of a name, as the store keeps it. */
export interface LastRun {
  /** Hash of what the dataset was. */
  fingerprint: string;
  /** Start of the run, milliseconds since the epoch: a later one is never replaced by an earlier one. */
  startedAtMs: number;
  result: RunResult;
}

export interface ReadLastRunInput extends FingerprintInput {
  runName: string;
}

export interface KeepLastRunInput extends ReadLastRunInput {
  last: LastRun;
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
  /** How the last attempt that failed by itself did so; an attempt whose process died leaves nothing here. */
  lastError?: { attempt: number; message: string };
  /** Rows that its process has worked through a second, over the last minute; not there until that is known. */
  rowsPerSecond?: number;
  /** Of a training, up to the checkpoint; not there before the first one. */
  training?: TrainingSoFar;
}

/** The curves of a training at work, thinned: all of its steps, whichever attempt did them. */
export interface TrainingSoFar {
  /** `warmup`, or the method that has chosen the rows. */
  name: string;
  /** 0-based. */
  steps: number[];
  losses: number[];
  learningRates: number[];
}

/** What a run at work has found so far, as far as its curves and the time that it takes follow from it. */
export interface RunSoFar extends Pick<RunResult, 'config' | 'warmup'> {
  until: Stage;
  /** Null until they are read. */
  rows: Pick<ScanResult, 'rowCount' | 'usableCount'> | null;
  /** Test rows that can be used; null until they are read. */
  testRowCount: number | null;
  methods: Pick<MethodResult, 'method' | 'finetune'>[];
  /** Whether somebody has held it: then times of its stages say little. */
  wasPaused: boolean;
  /** What a person should know, so far; not there where a worker of an older version answers. */
  warnings?: string[];
}

export interface KeepResultInput {
  result: RunResult;
}

export interface ReportInput {
  result: RunResult;
}

export interface ReportResult {
  report: ArtifactReference;
  /** What was measured, in sentences: the verdict, then remarks. */
  verdict: string[];
}
