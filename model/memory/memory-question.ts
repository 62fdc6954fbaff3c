// What is asked of the memory's count, and what it answers.
import type { EngineName, ProjectionKind } from '../../contracts/config.ts';
import type { TowerVectors } from '../../contracts/tower-vectors.ts';
import type { ModelSizes } from './model-sizes.ts';

/** What a process does with a model. */
export type MemoryWork = 'gradients' | 'training' | 'scoring';

/** One micro-batch as far as memory goes. */
export interface MicroBatchSize {
  rowCount: number;
  /** Of the longest row, to which the others are padded. */
  tokenCount: number;
  /** Supervised tokens of all rows; null for all tokens. */
  supervisedCount: number | null;
  /** Of pictures, videos and sounds in the model's towers; absent: the rows have none. */
  vectors?: TowerVectors;
}

/** Everything that the memory of a process follows from. */
export interface MemoryQuestion {
  sizes: ModelSizes;
  engine: EngineName;
  /** Of a weight and an activation: 4 for float32, 2 for bfloat16. */
  valueBytes: 2 | 4;
  work: MemoryWork;
  /** Low-rank pairs of the adapter; null for a base model that is scored. */
  adapter: { rank: number; targets: readonly string[] } | null;
  projection: { kind: ProjectionKind; sketch: number };
  batch: MicroBatchSize;
  /** Adapters that rows are scored at beside the one whose gradients are taken; not there: none. */
  checkpointCount?: number;
  /** Whether gradients are scaled by the moments of the training; not there: they are not. */
  isPreconditioned?: boolean;
  /** Layers whose forward pass is done again in the backward pass, so that only their input is kept. */
  recomputedLayerCount: number;
  /** Bound of the pictures' vectors that are kept. */
  cacheBytes: number;
}

/** Bytes by kind, at the moment at which most is needed. */
export interface MemoryCount {
  /** Of the process before there is a model: runtime, libraries, workers. */
  process: number;
  weights: number;
  /** What the forward pass keeps for the backward pass, tables of attention apart. */
  activations: number;
  /** Tables of attention that are kept, or formed at once. */
  attention: number;
  /** What the layer, the head, or the tower of pictures, videos or sounds at work needs beside what is kept, whichever
   * needs most. */
  work: number;
  /** The adapter's values, here and where the engine computes. */
  adapter: number;
  /** Gradients of the adapter on their way: products of a layer, sums of a step. */
  gradients: number;
  /** Table of buckets and signs, sketches of a micro-batch. */
  projection: number;
  /** Moments of AdamW. */
  optimizer: number;
  /** Pictures' vectors that are kept. */
  cache: number;
  /** What the towers are given of pictures, where these come with their rows; not there for rows without. */
  pictures?: number;
  /** What the towers are given of videos and sounds; not there for rows without. */
  clips?: number;
  /** What allocators hold beside what is asked of them. */
  slack: number;
}

/** Sum over all kinds. */
export function totalBytes(count: MemoryCount): number {
  return Object.values(count).reduce((sum: number, bytes: number) => sum + bytes, 0);
}
