// The summary of a run that the report is drawn from.
import type { CopyCounts, PictureChange } from './augmentation.ts';
import type { Config, SelectionMethod, TrainingSchedule } from './config.ts';
import type { Reason } from './reasons.ts';
import type { ArtifactReference } from './references.ts';
import type { Stage } from './stages.ts';
import type { Reselection } from './messages/incremental.ts';
import type { FilteredTask } from './messages/selection.ts';
import type { FilterName } from './methods.ts';
import type { StageState } from './messages/run.ts';
import type { StressShare } from './stress.ts';

/**
 * Everything that the report shows: numbers per task and small samples, plain JSON. All texts that come from the
 * dataset (tasks, dialogues, paths, details) are as found and untrusted; whoever shows them escapes them.
 */
export interface RunSummary {
  runName: string;
  config: Config;
  dataset: DatasetSummary;
  selection: SelectionSummary;
  /** Tasks of the dataset in its order, excluded ones too. */
  tasks: TaskSummary[];
  /** Rows that come again, with changed pictures or as they are; not there where none is to be changed. */
  copies?: CopiesSummary;
  /** Distribution of the configured instance value. */
  instanceValues: InstanceValueSummary;
  /** Tasks in code-unit order. */
  gradientNorms: TaskNorms[];
  /** Which of the map's rows were selected; null where the values hold no map. */
  space: (GradientSpace & { selectedRows: number[] }) | null;
  /** Properties that could be read. */
  bias: BiasSummary[];
  /** Null for a selection of one round. */
  rounds: RoundSummary[] | null;
  /** What was taken of the rows that were made worse on purpose; null where none were. */
  stress: StressShare[] | null;
  /** The warm-up, then the methods in order; an adapter that was given has none. */
  training: TrainingCurve[];
  /** Null where no model was evaluated. */
  evaluation: EvaluationSummary | null;
  /** By falling count. */
  quarantine: QuarantineSummary[];
  /** Example rows by task, then by group, then by rank; empty where the config leaves pictures and dialogues out. */
  examples: ExampleRow[];
  /** What the filters of the run's own method left out; null where it has none. */
  filters: FilterSummary | null;
  /** Null for a run from nothing. */
  reselection: Reselection | null;
  facts: RunFacts;
  /** Warnings of the stages as they came, each once. */
  warnings: string[];
}

/** One round of a selection, and what a model tuned on its rows scores. */
export interface RoundSummary {
  /** Rows that it chose from, and that it chose. */
  fromCount: number;
  rowCount: number;
  /** Null where no model was scored. */
  macroAccuracy: number | null;
  /** To the round before; the interval is the paired bootstrap's over test rows, null for too few of them. */
  change: { difference: number; interval: [number, number] | null } | null;
}

/** What filters left out before rows were drawn. */
export interface FilterSummary {
  filters: FilterName[];
  tasks: FilteredTask[];
  /** Kept rows that others are near to, those with the most others first. */
  nearRows: NearRows[];
  /** How many such kept rows there are, those that are not shown too. */
  nearRowCount: number;
  /** Of the rows left out for their losses, those with the highest. */
  suspectRows: FilteredRow[];
}

/** A kept row and the first of those that were left out as near to it. */
export interface NearRows {
  kept: FilteredRow;
  /** Rows that are near to it. */
  count: number;
  examples: FilteredRow[];
}

/** A row as the report shows it beside what was left out. */
export type FilteredRow = Pick<ExampleRow, 'rowIndex' | 'task' | 'loss' | 'thumbnail' | 'turns'>;

export interface DatasetSummary {
  /** All rows, quarantined ones too. */
  rowCount: number;
  /** Rows with a finite gradient, or that can be read where gradients were not taken. */
  usableCount: number;
  /** Rows whose content another row has as well. */
  duplicateCount: number;
  /** Tokens of all usable rows, image tokens included. */
  tokenCount: number;
}

export interface SelectionSummary {
  method: SelectionMethod;
  /** Rows wanted. */
  budget: number;
  /** Rows drawn, copies counted. */
  rowCount: number;
  /** Rows drawn, each once. */
  distinctCount: number;
}

/** One task from the dataset to the selection; null = the task takes no part (excluded, or without usable rows). */
export interface TaskSummary {
  task: string;
  rowCount: number;
  usableCount: number;
  quarantinedCount: number;
  value: number | null;
  /** 95 % bootstrap interval of the value. */
  interval: [number, number] | null;
  meanLoss: number | null;
  meanSupervisedTokens: number | null;
  /** Weight in the allocation, in [0, 1]. */
  share: number | null;
  /** Rows before caps and rounding. */
  ideal: number | null;
  quota: number | null;
  /** What `selection.method: auto` would give it: its part of equal quotas, no more than it has. */
  autoQuota: number | null;
  /** Distinct rows selected. */
  selectedCount: number;
  /** Rows selected, copies counted. */
  copyCount: number;
  /** Effective sample size over rows, in (0, 1]; null where the method has none. */
  effectiveShare: number | null;
}

/** What was done to further copies of rows. */
export interface CopiesSummary {
  /** Tasks of which rows come again. */
  tasks: CopyCounts[];
  /** One of each operation; empty where the report shows no pictures. */
  examples: CopyExample[];
}

/** A changed picture beside the one that it was made of; JPEGs as data URIs, longest edge at most 128 px. */
export interface CopyExample extends PictureChange {
  task: string;
  rowIndex: number;
  /** Which copy of the row it is, from 2. */
  copy: number;
  parent: string;
  changed: string;
}

export interface InstanceValueSummary {
  /** Column of the values table. */
  kind: Config['values']['instanceValue'];
  /** [bin + 1] ascending edges, the same for all tasks. */
  edges: number[];
  tasks: TaskDistribution[];
  /** Sharpnesses λ at which `effectiveShares` is given, ascending. */
  lambdas: number[];
}

export interface TaskDistribution {
  task: string;
  /** [bin] rows of the task. */
  allCounts: number[];
  /** [bin] distinct selected rows. */
  selectedCounts: number[];
  /** [lambda] effective sample size over rows, (Σw)²/(n·Σw²) with w = exp(λ·value). */
  effectiveShares: number[];
}

/** Quantiles of a number over rows: 5, 25, 50, 75 and 95 %. */
export type Quantiles = [number, number, number, number, number];

/** Gradient norms of a task's rows. */
export interface TaskNorms {
  task: string;
  quantiles: Quantiles;
}

/** Directions of gradients: a map of a sample of rows, and how alike the tasks are. */
export interface GradientSpace {
  points: {
    rowIndex: number;
    task: string;
    /** Coordinates along the first two principal components of the sample's unit gradients. */
    x: number;
    y: number;
    /** Highest cosine with another sampled row of the task; −1 where there is none. */
    nearestCosine: number;
  }[];
  /** Share of the sample's variance along each axis. */
  explained: [number, number];
  /** The largest tasks, in code-unit order. */
  tasks: string[];
  /** [task][task] cosine of the mean unit gradients. */
  taskCosines: number[][];
}

/** A property of rows, among all that can be used and among the selected ones. */
export interface BiasSummary {
  property: 'answer length' | 'turns' | 'picture edge';
  unit: string;
  /** Rows that the quantiles are of. */
  allCount: number;
  selectedCount: number;
  all: Quantiles;
  selected: Quantiles;
}

/** Losses of one training. */
export interface TrainingCurve {
  /** Null = the warm-up. */
  method: SelectionMethod | null;
  stepCount: number;
  /** Null where an earlier version has trained. */
  schedule: TrainingSchedule | null;
  /** At most a few hundred steps, evenly spaced. */
  steps: number[];
  losses: number[];
  /** Exponential mean of all steps up to each. */
  smoothed: number[];
}

export interface EvaluationSummary {
  testRowCount: number;
  /** The run's own method first; the base model before fine-tuning last, if it was evaluated. */
  scores: ScoreSummary[];
  /** The run's own method minus each other one that was fine-tuned and the base model; empty where there is none. */
  differences: DifferenceSummary[];
  /** Not there where no answers were generated. */
  asked?: {
    /** Tasks whose answers are not short: none of their rows was asked for free text. */
    leftOut: string[];
    /** Rows of the other tasks that were not asked, since they are cut at the longest length. */
    cutRowCount: number;
  };
}

export interface ScoreSummary {
  /** Null = the base model before fine-tuning. */
  method: SelectionMethod | null;
  /** Rows that it was fine-tuned on, copies counted; 0 for the base model. */
  selectedCount: number;
  /** Mean over tasks of the share of exactly right answers, in [0, 1]. */
  macroAccuracy: number;
  /** 95 % interval over test rows; null where there are too few of them. */
  interval: [number, number] | null;
  meanLoss: number;
  tasks: { task: string; rowCount: number; accuracy: number }[];
  /** Not there where no answers were generated. */
  generated?: GeneratedSummary;
}

/** What generated answers score. */
export interface GeneratedSummary {
  /** Mean over the tasks with short answers of their mean score, in [0, 1]; null where there is no such task. */
  accuracy: number | null;
  /** 95 % interval over test rows; null where there are too few of them. */
  interval: [number, number] | null;
  /** The tasks with short answers; by a scorer of the user's own, or by exact match. */
  tasks: { task: string; rowCount: number; accuracy: number; isOwnScorer: boolean }[];
}

export interface DifferenceSummary {
  /** What the run's own method is compared with; null = the base model before fine-tuning. */
  method: SelectionMethod | null;
  selectedCount: number;
  /** Difference of macro accuracies, in [−1, 1]. */
  difference: number;
  /** 95 % interval of the paired bootstrap over test rows; null where there are too few of them. */
  interval: [number, number] | null;
}

export interface QuarantineSummary {
  reason: Reason;
  count: number;
  /** The first few rows. */
  examples: { rowIndex: number; task: string | null; detail: string }[];
}

export type ExampleGroup = 'top' | 'bottom' | 'random';

export interface ExampleRow {
  task: string;
  /** Highest and lowest instance values of the task; random among the selected rows. */
  group: ExampleGroup;
  rowIndex: number;
  instanceValue: number;
  gradientNorm: number;
  loss: number;
  copies: number;
  /** JPEG as a data URI, longest edge at most 128 px; null where the row has no picture that can be read. */
  thumbnail: string | null;
  /** First turns, cut to what fits; empty where the row could not be read again. */
  turns: { role: string; text: string }[];
}

/** What computed the numbers; texts as the engine gives them. */
export interface EngineSummary {
  engine: string;
  libraryVersion: string;
  device: string;
  /** Instruction set and what else changes bits, in words. */
  settings: string;
}

export interface RunFacts {
  /** Null where no artifact names its engine. */
  engine: EngineSummary | null;
  /** From the start of the first stage to the end of the last one before the report; stages may run side by side. */
  durationMs: number | null;
  stages: StageFacts[];
  versions: { name: string; version: string }[];
}

export interface StageFacts {
  stage: Stage;
  state: StageState;
  detail: string;
  durationMs: number | null;
  artifacts: { name: string; reference: ArtifactReference; cached: boolean }[];
}
