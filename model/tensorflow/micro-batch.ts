// A micro-batch as tensors: padded embeddings with pictures, supervised positions.
import * as tf from '@tensorflow/tfjs';
import { IGNORED_LABEL } from '../engine.ts';
import type { ModelExample, TokenExample } from '../engine.ts';
import type { Architecture } from '../architectures/architecture.ts';
import type { Weights } from './weights.ts';

/** Sizes of the micro-batch: `exampleCount` sequences, each padded on the right to `tokenCount`. */
export interface BatchShape {
  exampleCount: number;
  tokenCount: number;
}

/** The supervised positions of a micro-batch: hidden state `rows[s]` predicts `targets[s]`. */
export interface SupervisedPositions {
  rows: Int32Array;
  targets: Int32Array;
  /** Example that each position belongs to. */
  examples: Int32Array;
  /** Positions of each example. */
  counts: Int32Array;
}

/** Sizes of a micro-batch, every example padded to the longest; it has at least one example. */
export function batchShape(examples: readonly TokenExample[]): BatchShape {
  return { exampleCount: examples.length, tokenCount: Math.max(...examples.map(({ ids }) => ids.length)) };
}

/** Every position whose next label is not −100, example by example. */
export function supervisedPositions(examples: readonly TokenExample[], tokenCount: number): SupervisedPositions {
  const rows: number[] = [];
  const targets: number[] = [];
  const owners: number[] = [];
  const counts = new Int32Array(examples.length);
  examples.forEach(({ labels }, example) => {
    for (let token = 1; token < labels.length; token += 1) {
      if (labels[token] === IGNORED_LABEL) continue;
      rows.push(example * tokenCount + token - 1);
      targets.push(labels[token]!);
      owners.push(example);
      counts[example]! += 1;
    }
  });
  return { rows: Int32Array.from(rows), targets: Int32Array.from(targets), examples: Int32Array.from(owners), counts };
}

/**
 * Input embeddings, pictures' vectors at the image tokens, padded on the right: `[example · token, hidden]`.
 * Differentiable with respect to embeddings and `pictureVectors`.
 *
 * @param pictureVectors `[vector, hidden]` of all pictures in order, or null where no example has one
 */
export function embedExamples(
  weights: Weights,
  config: Architecture,
  examples: readonly TokenExample[],
  shape: BatchShape,
  pictureVectors: tf.Tensor2D | null,
): tf.Tensor2D {
  return tf.tidy(() => {
    const { ids, source } = embeddingPlaces(config, examples, shape, pictureVectors?.shape[0] ?? 0);
    return embedPlaces(weights, tf.tensor1d(ids, 'int32'), tf.tensor1d(source, 'int32'), pictureVectors);
  });
}

/** Where each row of the embeddings comes from, `[row]` each: its token, and its row of [embeddings; pictures]. */
export function embeddingPlaces(
  config: Architecture,
  examples: readonly TokenExample[],
  { exampleCount, tokenCount }: BatchShape,
  vectorCount: number,
): { ids: Int32Array; source: Int32Array } {
  const rowCount = exampleCount * tokenCount;
  const ids = new Int32Array(rowCount);
  const source = Int32Array.from({ length: rowCount }, (_, row) => row);
  let vector = 0;
  examples.forEach((example, index) => {
    example.ids.forEach((id, token) => {
      const row = index * tokenCount + token;
      if (id === config.imageTokenId) source[row] = rowCount + vector++;
      else ids[row] = id;
    });
  });
  if (vector !== vectorCount) {
    throw new RangeError(`embedExamples: image tokens must equal picture vectors, got ${vector} and ${vectorCount}`);
  }
  return { ids, source };
}

/** {@link embedExamples} of places that are known. */
export function embedPlaces(
  weights: Weights,
  ids: tf.Tensor1D,
  source: tf.Tensor1D,
  pictureVectors: tf.Tensor2D | null,
): tf.Tensor2D {
  const embedded = tf.gather(weights.get<tf.Tensor2D>('model.language_model.embed_tokens.weight'), ids);
  return pictureVectors === null ? embedded : tf.gather(tf.concat([embedded, pictureVectors], 0), source);
}

/** The vectors of all the examples' pictures as one tensor, or null where there are none. */
export function pictureTensor(examples: readonly TokenExample[], hiddenSize: number): tf.Tensor2D | null {
  const values = pictureValues(examples);
  return values === null ? null : tf.tensor2d(values, [values.length / hiddenSize, hiddenSize]);
}

/** Values of {@link pictureTensor}. */
export function pictureValues(examples: readonly TokenExample[]): Float32Array | null {
  const features = examples.flatMap((example) => example.features);
  if (features.length === 0) return null;
  const values = new Float32Array(features.reduce((length, feature) => length + feature.length, 0));
  let position = 0;
  for (const feature of features) {
    values.set(feature, position);
    position += feature.length;
  }
  return values;
}

/** Examples of this engine. @throws TypeError for a row that no processor has made tokens of */
export function tokenExamples(examples: readonly ModelExample[]): readonly TokenExample[] {
  return examples.map((example) => {
    if ('ids' in example) return example;
    throw new TypeError('engine: examples must be tokens and vectors, got a row; load it for this engine');
  });
}
