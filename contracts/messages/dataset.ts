// What the dataset stage is asked and what it finds.
import type { Config } from '../config.ts';
import type { Reason } from '../reasons.ts';
import type { ArtifactReference } from '../references.ts';
import type { TowerVectors } from '../tower-vectors.ts';

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
  /** Padded tokens of a micro-batch that were picked; not there where the recipe says them. */
  tokenBudget?: number;
  /** The largest micro-batch that came of it. */
  largestBatch?: { rowCount: number; tokenCount: number; clips?: Omit<TowerVectors, 'pictures'> };
  warnings: string[];
  cached: boolean;
}
