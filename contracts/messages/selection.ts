// What allocation and selection are asked and what they find.
import type { Config, SelectionMethod } from '../config.ts';
import type { ArtifactReference } from '../references.ts';
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
