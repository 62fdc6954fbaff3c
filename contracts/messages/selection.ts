// What allocation and selection are asked and what they find.
import type { CopyCounts } from '../augmentation.ts';
import type { Config, SelectionMethod } from '../config.ts';
import type { FilterName } from '../methods.ts';
import type { ArtifactReference } from '../references.ts';
import type { EarlierGradients } from './gradients.ts';
import type { TaskValue } from './values.ts';

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
  /** Rows that filters have kept; not there where nothing was left out. */
  kept?: { task: string; keptCount: number }[];
}

export interface AllocationResult {
  method: SelectionMethod;
  budget: number;
  tasks: TaskAllocation[];
  warnings: string[];
}

/** Which rows are left out, and of what. */
export interface FilterInput {
  config: Config;
  filters: FilterName[];
  values: ArtifactReference;
  /** The dataset's rows. */
  rows: ArtifactReference;
  gradients: ArtifactReference[];
}

/** What filters have left of a task. */
export interface FilteredTask {
  task: string;
  rowCount: number;
  keptCount: number;
  /** Rows that each filter has left out. */
  dropped: { filter: FilterName; count: number }[];
  /** Of the loss guard: share of losses worse than half of chance; null where it is not known what chance is. */
  badLossShare?: number | null;
}

export interface FilterResult {
  filters: FilterName[];
  filtered: ArtifactReference;
  tasks: FilteredTask[];
  warnings: string[];
  cached: boolean;
}

export interface SelectInput {
  config: Config;
  method: SelectionMethod;
  values: ArtifactReference;
  allocation: AllocationResult;
  /** Which rows filters have left out; not there where they left out none. */
  filtered?: ArtifactReference;
  /** The gradient tables of the rows; not there where the method does not read them. */
  gradients?: ArtifactReference[];
  /** The dataset's rows, whose texts say which copies may be changed; not there where none is to be. */
  rows?: ArtifactReference;
  /** The gradient table of the queries; not there where they are held-out rows, or the method reads none. */
  queries?: ArtifactReference;
  /** What is added at checkpoints of the warm-up; not there where the method reads its end alone. */
  earlier?: EarlierGradients;
}

export interface SelectionResult {
  method: SelectionMethod;
  selection: ArtifactReference;
  /** Rows drawn, copies counted. */
  rowCount: number;
  tasks: { task: string; selected: number; copies: number; effectiveShare: number | null }[];
  /** Of tasks whose rows come again; not there where none does, or copies are not to be changed. */
  copies?: CopyCounts[];
  warnings: string[];
  cached: boolean;
}
