// What attention reads beside its inputs: rotary tables and the causal mask.
import * as tf from '@tensorflow/tfjs';
import type { TextConfig } from '../architectures/architecture.ts';
import type { BatchShape } from './micro-batch.ts';
import { openBlocks } from './attention.ts';
import type { QueryBlock } from './attention.ts';

/** Rotary position tables of one micro-batch shape, as wide as the rows they multiply. */
export interface RotaryTables {
  /** `[row, kv · d]`: cos(position · θ^(−2i/d)) for keys. */
  cosine: tf.Tensor2D;
  sine: tf.Tensor2D;
  /** `[row, head · d]`: the same times 1/√d for queries, so that scores need no scaling of their own. */
  queryCosine: tf.Tensor2D;
  querySine: tf.Tensor2D;
  /** `[d, d]`: x R = (−x₂, x₁), the half rotation as a product. */
  rotation: tf.Tensor2D;
}

/** What depends on positions alone, as tensors. */
export interface PositionTables {
  /** `[token, headDimension]` */
  cosine: tf.Tensor2D;
  sine: tf.Tensor2D;
  /** `[1, group · token, token]`: the causal mask of all queries. */
  mask: tf.Tensor3D;
}

/** Half-rotation RoPE of Llama. */
export function rotaryTables(text: TextConfig, { exampleCount, tokenCount }: BatchShape): RotaryTables {
  const shape: [number, number] = [tokenCount, text.headDimension];
  const { cosine, sine } = rotaryValues(text, tokenCount);
  return widenRotary(text, exampleCount, { cosine: tf.tensor2d(cosine, shape), sine: tf.tensor2d(sine, shape) });
}

/** `[token, headDimension]` each: frequencies in float32 as torch computes them, angles position · frequency. */
export function rotaryValues(
  { headDimension, ropeTheta }: TextConfig,
  tokenCount: number,
): { cosine: Float32Array; sine: Float32Array } {
  const half = headDimension / 2;
  const cosine = new Float32Array(tokenCount * headDimension);
  const sine = new Float32Array(tokenCount * headDimension);
  for (let index = 0; index < half; index += 1) {
    const frequency = Math.fround(1 / Math.fround(ropeTheta ** Math.fround((2 * index) / headDimension)));
    for (let position = 0; position < tokenCount; position += 1) {
      const angle = Math.fround(position * frequency);
      for (const column of [index, index + half]) {
        cosine[position * headDimension + column] = Math.cos(angle);
        sine[position * headDimension + column] = Math.sin(angle);
      }
    }
  }
  return { cosine, sine };
}

/** The tables as wide as rows of keys and queries. */
export function widenRotary(
  { headDimension, headCount, keyValueHeadCount }: TextConfig,
  exampleCount: number,
  { cosine, sine }: Pick<PositionTables, 'cosine' | 'sine'>,
): RotaryTables {
  const scale = 1 / Math.sqrt(headDimension);
  return {
    cosine: tf.tile(cosine, [exampleCount, keyValueHeadCount]),
    sine: tf.tile(sine, [exampleCount, keyValueHeadCount]),
    queryCosine: tf.mul(tf.tile(cosine, [exampleCount, headCount]), scale),
    querySine: tf.mul(tf.tile(sine, [exampleCount, headCount]), scale),
    rotation: tf.tensor2d(halfRotation(headDimension), [headDimension, headDimension]),
  };
}

function halfRotation(size: number): Float32Array {
  const matrix = new Float32Array(size * size);
  for (let index = 0; index < size / 2; index += 1) {
    matrix[(index + size / 2) * size + index] = -1;
    matrix[index * size + index + size / 2] = 1;
  }
  return matrix;
}

/** x · cos + (x R) · sin: x `[row, head · d]`. */
export function rotate(x: tf.Tensor2D, cosine: tf.Tensor2D, sine: tf.Tensor2D, rotation: tf.Tensor2D): tf.Tensor2D {
  const width = rotation.shape[0];
  const rotated = tf.reshape(tf.matMul(tf.reshape(x, [-1, width]), rotation), x.shape);
  return tf.add(tf.mul(x, cosine), tf.mul(rotated, sine));
}

/** Its gradient: dy · cos + (dy · sin) Rᵀ. */
export function rotateBackward(
  dy: tf.Tensor2D,
  cosine: tf.Tensor2D,
  sine: tf.Tensor2D,
  rotation: tf.Tensor2D,
): tf.Tensor2D {
  const width = rotation.shape[0];
  const rotated = tf.reshape(
    tf.matMul(tf.reshape(tf.mul(dy, sine), [-1, width]) as tf.Tensor2D, rotation, false, true),
    dy.shape,
  );
  return tf.add(tf.mul(dy, cosine), rotated);
}

/**
 * 0 where a token may look, −1e9 at later ones: rows `rowStart … rowEnd` of `[1, group · token, token]`.
 * Right padding needs no mask of its own.
 */
export function causalMask(tokenCount: number, rowStart: number, rowEnd: number): tf.Tensor3D {
  return tf.tensor3d(causalValues(tokenCount, rowStart, rowEnd), [1, rowEnd - rowStart, tokenCount]);
}

/** Values of {@link causalMask}. */
export function causalValues(tokenCount: number, rowStart: number, rowEnd: number): Float32Array {
  const values = new Float32Array((rowEnd - rowStart) * tokenCount);
  for (let row = rowStart; row < rowEnd; row += 1) {
    const place = (row - rowStart) * tokenCount;
    values.fill(-1e9, place + (row % tokenCount) + 1, place + tokenCount);
  }
  return values;
}

/** The blocks in which a causal layer's queries `[group · token]` attend, with their masks, which the caller frees. */
export function causalBlocks(headCount: number, groupSize: number, tokenCount: number, maxTable: number): QueryBlock[] {
  const blocks = openBlocks(headCount, groupSize * tokenCount, tokenCount, maxTable);
  return blocks.map((block) => ({ ...block, mask: causalMask(tokenCount, block.start, block.end) }));
}
