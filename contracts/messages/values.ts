// What the values stage is asked and what it finds.
import type { Config } from '../config.ts';
import type { ArtifactReference } from '../references.ts';

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
