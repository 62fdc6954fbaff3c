// What a run finds that goes on from an earlier one.
import type { Config } from '../config.ts';
import type { Reason } from '../reasons.ts';
import type { ArtifactReference } from '../references.ts';
import type { GradientsInput } from './gradients.ts';

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

export interface FingerprintInput {
  config: Config;
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
