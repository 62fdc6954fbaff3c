// What trainings and evaluations are asked and what they find.
import type { Config, TrainingSchedule } from '../config.ts';
import type { ArtifactReference } from '../references.ts';

/** A trained or imported LoRA adapter. */
export interface AdapterResult {
  adapter: ArtifactReference;
  /** Rows that it was trained on; 0 for an imported one. */
  rowCount: number;
  stepCount: number;
  firstLoss: number | null;
  lastLoss: number | null;
  /** Updates done at each checkpoint that was kept, the end included; not there where none was asked for. */
  trajectory?: number[];
  /** Mean learning rate of the updates since the checkpoint before, for each; there where `trajectory` is. */
  trajectoryRates?: number[];
  /** What a person should know of the training; not there: nothing. */
  warnings?: string[];
  /** As the training was done; null for an adapter that was given; not there in a result of an earlier version. */
  schedule?: TrainingSchedule | null;
  cached: boolean;
}

export interface TuneReferenceInput {
  config: Config;
  rows: ArtifactReference;
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
  /** Of its generated answers; null for a task whose answers are not short; not there where none were generated. */
  generated?: GeneratedScore | null;
}

/** What the generated answers of a task score. */
export interface GeneratedScore {
  /** Rows that were asked: all but those that are cut at the longest length. */
  rowCount: number;
  /** Sum of their scores, each in [0, 1]: of exact match the number of right ones. */
  scoreSum: number;
  /** Whether a scorer of the user's own gave the scores, in place of exact match. */
  isOwnScorer: boolean;
}

export interface EvaluationResult {
  outcomes: ArtifactReference;
  tasks: TaskScore[];
  /** Mean over tasks of the share of exactly right answers, in [0, 1]. */
  macroAccuracy: number;
  meanLoss: number;
  /**
   * Mean over the tasks with short answers of the mean score of their generated answers, in [0, 1]; null where there is
   * no such task; not there where no answers were generated.
   */
  macroGenerated?: number | null;
  cached: boolean;
}
