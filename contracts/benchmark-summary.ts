// What a benchmark's report shows: every method at every budget over the seeds, and its difference to the baseline.
import type { StressKind } from './stress.ts';
import type { Config, SelectionMethod, TrainingLength } from './config.ts';
import type { LdsResult } from './messages/benchmark.ts';

/** All that the page, the tables and the verdict of a benchmark are made from. Scores are shares in [0, 1]. */
export interface BenchmarkSummary {
  benchmarkName: string;
  config: Config;
  seeds: readonly number[];
  /** The strongest random choice among the methods, which the others are compared with; null where there is none. */
  baseline: SelectionMethod | null;
  /** Macro accuracy of the model before fine-tuning. */
  baseAccuracy: number;
  /** Of generated answers; not there where none were generated. */
  generated?: {
    /** Of the model before fine-tuning; null where no task has short answers. */
    baseAccuracy: number | null;
    /** Tasks whose answers are not short. */
    leftOut: string[];
  };
  testRowCount: number;
  tables: BenchmarkTable[];
  /** Of a model tuned on all rows, by seed; null where none was. */
  full: ScoreSpread | null;
  overlaps: SelectionOverlap[];
  /** The linear datamodelling score of gradient cosines; not there where none was asked for. */
  lds?: LdsResult;
  warnings: string[];
  durationMs: number;
  versions: { name: string; version: string }[];
}

/** One budget with one length of training: a family of comparisons, adjusted together. */
export interface BenchmarkTable {
  /** Share of the base; null for a budget in rows. */
  budget: number | null;
  length: TrainingLength;
  methods: MethodScores[];
}

/** Values over the seeds. */
export interface ScoreSpread {
  /** [seed] */
  scores: number[];
  mean: number;
  /** Sample standard deviation; null for one seed. */
  deviation: number | null;
}

export interface MethodScores {
  method: SelectionMethod;
  /** Macro accuracy. */
  accuracy: ScoreSpread;
  /** Mean over seeds of the rows drawn and the optimiser steps. */
  rowCount: number;
  stepCount: number;
  meanLoss: number;
  /** Smallest ESS_t/n_t of any task and seed; null where rows are not weighted. */
  effectiveShare: number | null;
  /** Mean over tasks of accuracy over that of the model tuned on all rows; null without one. */
  relative: ScoreSpread | null;
  /** What was taken of rows that were made worse on purpose; null where none were. */
  taken: TakenShare[] | null;
  /** Of generated answers, over the tasks with short ones; not there where none were generated. */
  generated?: { accuracy: ScoreSpread; difference: PairedDifference | null };
  /** To the baseline; null for itself, and where there is none. */
  difference: PairedDifference | null;
  tasks: { task: string; accuracy: ScoreSpread; difference: PairedDifference | null }[];
}

/** Rows of one kind, as shares of the dataset and of what was chosen over all seeds. */
export interface TakenShare {
  kind: StressKind;
  allShare: number;
  selectedShare: number;
}

/** Method minus baseline, seed by seed. */
export interface PairedDifference {
  mean: number;
  /** Paired 95 % t-interval; null below two seeds. */
  interval: [number, number] | null;
  /** 95 % percentile bootstrap over the seeds; null below two seeds. */
  bootstrap: [number, number] | null;
  /** Two-sided, paired t-test; null below two seeds. */
  pValue: number | null;
  /** Wilcoxon's signed-rank test, a check that asks for no distribution. */
  signedRankP: number | null;
  /** By Holm over the methods of the table; null for a task's. */
  adjustedP: number | null;
  /** Seeds in which the method scored higher. */
  winCount: number;
}

/** How alike what two methods chose is: rows of both over rows of either. */
export interface SelectionOverlap {
  left: SelectionMethod;
  right: SelectionMethod;
  /** Mean over the seeds; of a method with itself, over pairs of seeds. Null where there is no pair. */
  jaccard: number | null;
}
