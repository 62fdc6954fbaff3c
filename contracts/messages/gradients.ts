// What the gradients stage is asked and what it finds.
import type { Config } from '../config.ts';
import type { Reason } from '../reasons.ts';
import type { ArtifactReference, FileReference } from '../references.ts';

export interface GradientsInput {
  config: Config;
  rows: ArtifactReference;
  adapter: ArtifactReference;
  /** Updates of the adapter's training after which they are taken; not there: at its end. */
  step?: number;
}

/** Where the gradient table will lie. */
export interface GradientsPlan {
  address: string;
  /** Names the work on this table in this store: runs that share it compute each shard once. */
  workId: string;
  shardCount: number;
  /** The whole table where it is already complete. */
  finished: GradientsResult | null;
  /** Why a better engine is not used. */
  warnings: string[];
}

export interface AwaitGradientsInput {
  workflowId: string;
}

export interface GradientShardInput extends GradientsInput {
  address: string;
  shard: number;
  shardCount: number;
}

/** One finished shard. */
export interface GradientShard {
  shard: number;
  file: FileReference;
  /** Rows that turned out unusable only now. */
  quarantined: { reason: Reason; count: number }[];
  cached: boolean;
}

export interface CollectGradientsInput extends GradientsInput {
  address: string;
  shardCount: number;
  shardStart: number;
  shardEnd: number;
  heartbeatTimeoutMs: number;
  shardWindow: number;
  /** Carried over continue-as-new: the next shard, what is done, and whether it is paused. */
  next: number;
  done: GradientShard[];
  isPaused?: boolean;
}

export interface CloseGradientsInput extends GradientsInput {
  address: string;
  shards: GradientShard[];
}

export interface GradientsResult {
  /** The table that this run has made. */
  gradients: ArtifactReference;
  /** Tables of earlier runs whose rows are used as well. */
  reused: ArtifactReference[];
  /** Coordinates of a whole gradient vector, before projection. */
  parameterCount: number;
  /** Rows that turned out unusable only now. */
  quarantined: { reason: Reason; count: number }[];
  cached: boolean;
}

/** Gradients of rows that are queries, at the same reference model and in the same projection. */
export interface QueriesResult {
  rows: ArtifactReference;
  gradients: ArtifactReference;
}

/** What is compared at the checkpoints of the warm-up before its end, and what the end weighs beside it. */
export interface EarlierGradients {
  checkpoints: CheckpointGradients[];
  /** Mean learning rate of the updates since the last of these. */
  lastRate: number;
}

/** Gradients of the rows and of the queries at one checkpoint. */
export interface CheckpointGradients {
  /** Updates done. */
  step: number;
  /** Mean learning rate of the updates since the checkpoint before. */
  rate: number;
  gradients: ArtifactReference;
  /** Null where queries are rows of the dataset that are held out. */
  queries: ArtifactReference | null;
}

/** The rows of a selection, as those that the next round chooses from. */
export interface NarrowRowsInput {
  config: Config;
  rows: ArtifactReference;
  selection: ArtifactReference;
}
