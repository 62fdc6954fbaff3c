// What `tive plan` tells of a run before it begins.
import type { TrainingSchedule } from './config.ts';
import type { AllocationResult } from './messages/selection.ts';
import type { Stage } from './stages.ts';

/** What a run would do, as far as it can be known without doing it. */
export interface RunPlan {
  /** Rows of the dataset, and those that can be used: counted where an earlier run has read them, else estimated. */
  rowCount: number;
  usableCount: number;
  tokenCount: number;
  imageRowCount: number;
  isCounted: boolean;
  /** Reasons in the sample for which rows cannot be used, pictures looked at; none where rows were counted. */
  sampledReasons: Record<string, number>;
  stages: PlannedStage[];
  memory: {
    parameterCount: number;
    weightBytes: number;
    /** What one compute process may use. */
    hostBytes: number;
    /** Free space of the store; null where nobody knows, as in a bucket. */
    freeBytes: number | null;
    /** Padded tokens of a micro-batch, and whether they were picked. */
    tokenBudget: number;
    isPicked: boolean;
    /** The largest micro-batch that is expected. */
    batch: { rowCount: number; tokenCount: number };
    /** What each kind of work needs of a compute process's memory. */
    works: PlannedWork[];
  };
  /** Null where none was made. */
  probe: Probe | null;
  /** Quotas where values are there already. */
  quotas: AllocationResult['tasks'] | null;
  /**
   * Copies beyond the first of their rows, which may have changed pictures: all of them at most. Tasks are null where
   * the quotas are not known: then it is the budget. Not there where the recipe changes none.
   */
  copies?: { mostCount: number; taskCount: number | null };
  /** Of all stages that are not cached, on the compute processes of the run; null where no time is known. */
  total: { processCount: number; seconds: number; secondsOnOne: number } | null;
  /** What would make the run's numbers say little, with what to do. */
  checks: string[];
  warnings: string[];
}

/** The memory of one kind of work at the moment at which most is needed. */
export interface PlannedWork {
  work: string;
  totalBytes: number;
  /** By kind: weights, activations, … */
  bytes: Record<string, number>;
  /** Layers whose forward pass is done again in the backward pass, so that it fits, of all. */
  recomputedLayerCount: number;
  layerCount: number;
}

/** One stage: what it has to do, and what that takes. Null: not known, or nothing. */
export interface PlannedStage {
  stage: Stage;
  isCached: boolean;
  rowCount: number | null;
  /** Shards, training steps or models, named by `unit`. */
  partCount: number | null;
  unit: string;
  diskBytes: number | null;
  /** On one compute process. */
  seconds: number | null;
  /** Of a training: what the recipe says and what follows from the rows. */
  schedule: TrainingSchedule | null;
}

/** Some rows' gradients, taken to see how long they take. */
export interface Probe {
  engine: string;
  rowCount: number;
  tokenCount: number;
  secondsPerToken: number;
  secondsPerImage: number;
}
