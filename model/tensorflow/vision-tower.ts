// The vision tower and what joins it to the decoder.
import * as tf from '@tensorflow/tfjs';
import type { LoadedModel } from './load-model.ts';
import { patchSide, towerVectorCount } from '../architectures/architecture.ts';
import type { Architecture, VisionConfig } from '../architectures/architecture.ts';
import { MAX_ATTENTION_TABLE } from '../memory/bounds.ts';
import { attend, openBlocks } from './attention.ts';
import { usedVisionLayers } from '../weight-shapes.ts';
import type { Weights } from './weights.ts';

/**
 * Pictures → vectors in the decoder's space: vision tower, chosen hidden state, connector.
 * Plain differentiable operations: training of all weights differentiates through it.
 *
 * @param pictures `[example]` of pixels `[3, imageSize, imageSize]`, row-major, as the preprocessing gives them.
 * @returns `[example · imageTokenCount, hidden]`; the caller disposes it (or calls inside `tf.tidy`).
 */
export function encodeImages(model: LoadedModel, pictures: readonly Float32Array[]): tf.Tensor2D {
  const vision = visionOf(model.config);
  return tf.tidy(() => {
    const shape: [number, number] = [pictures.length * patchSide(vision) ** 2, 3 * vision.patchSize ** 2];
    return encodePatches(model, tf.tensor2d(cutPatches(vision, pictures), shape), pictures.length);
  });
}

/** @throws RangeError for a model of text */
export function visionOf({ vision }: Architecture): VisionConfig {
  if (vision === null) throw new RangeError('encodeImages: model must have a vision tower, got a model of text');
  return vision;
}

/**
 * {@link encodeImages} of pictures that are cut.
 * @param patches `[example · patch, 3 · size · size]`
 */
export function encodePatches(
  { config, weights }: LoadedModel,
  patches: tf.Tensor2D,
  pictureCount: number,
): tf.Tensor2D {
  const vision = visionOf(config);
  const { connector } = config;
  return tf.tidy(() => {
    const vectorCount = towerVectorCount(vision);
    let x = tf.tidy(() => embedPatches(weights, vision, patches, pictureCount));
    for (let layer = 0; layer < usedVisionLayers(vision.layerCount, config.visionFeatureLayer); layer += 1) {
      const input = x;
      x = tf.tidy(() => encoderLayer(weights, vision, input, layer, pictureCount, vectorCount));
      input.dispose();
    }
    if (vision.norm === 'post_layernorm') x = layerNorm(weights, x, `${TOWER}.post_layernorm`, vision.layerNormEpsilon);
    const kept = config.visionFeatureStrategy === 'full' ? x : withoutFirst(x, pictureCount, vectorCount);
    if (connector.kind === 'pixel_shuffle') {
      const joined = pixelShuffle(kept, pictureCount, patchSide(vision), connector.scaleFactor);
      return weights.linear(joined, 'model.connector.modality_projection.proj');
    }
    const first = gelu(weights.linear(kept, 'model.multi_modal_projector.linear_1'));
    return weights.linear(first, 'model.multi_modal_projector.linear_2');
  });
}

const TOWER = 'model.vision_tower';

/**
 * Patch and position embeddings, with a class token also the norm and `pre_layrnorm` (sic):
 * `[example · vector, hidden]`.
 */
function embedPatches(weights: Weights, vision: VisionConfig, patches: tf.Tensor2D, pictureCount: number): tf.Tensor2D {
  const { classToken, hiddenSize, patchSize } = vision;
  const patchCount = patchSide(vision) ** 2;
  const kernel = tf.reshape(weights.get(`${TOWER}.embeddings.patch_embedding.weight`), [
    hiddenSize,
    3 * patchSize ** 2,
  ]) as tf.Tensor2D;
  const positions = weights.get(`${TOWER}.embeddings.position_embedding.weight`);
  const embedded = tf.reshape(tf.matMul(patches, tf.transpose(kernel)), [pictureCount, patchCount, hiddenSize]);
  if (!classToken) {
    const shifted = tf.add(embedded, weights.get(`${TOWER}.embeddings.patch_embedding.bias`));
    return tf.reshape(tf.add(shifted, positions), [pictureCount * patchCount, hiddenSize]) as tf.Tensor2D;
  }
  const first = tf.tile(tf.reshape(weights.get(`${TOWER}.embeddings.class_embedding`), [1, 1, hiddenSize]), [
    pictureCount,
    1,
    1,
  ]);
  const tokens = tf.add(tf.concat([first, embedded], 1), positions);
  const rows = tf.reshape(tokens, [pictureCount * (patchCount + 1), hiddenSize]) as tf.Tensor2D;
  return layerNorm(weights, rows, `${TOWER}.pre_layrnorm`, vision.layerNormEpsilon);
}

/**
 * Squares of neighbouring patches joined to one vector, row by row: `[example · side², hidden]` →
 * `[example · (side / factor)², factor² · hidden]`.
 * @see transformers `Idefics3Connector.pixel_shuffle`
 */
function pixelShuffle(x: tf.Tensor2D, exampleCount: number, side: number, factor: number): tf.Tensor2D {
  const hidden = x.shape[1];
  const small = side / factor;
  const squares = tf.reshape(x, [exampleCount * small, factor, small, factor * hidden]);
  return tf.reshape(tf.transpose(squares, [0, 2, 1, 3]), [exampleCount * small * small, factor * factor * hidden]);
}

/** A patch convolution as a product: one row a patch, `[example · patch, 3 · size · size]`, channel first. */
export function cutPatches({ imageSize, patchSize }: VisionConfig, pictures: readonly Float32Array[]): Float32Array {
  const side = patchSide({ imageSize, patchSize });
  const rowLength = 3 * patchSize * patchSize;
  const patches = new Float32Array(pictures.length * side * side * rowLength);
  let position = 0;
  for (const pixels of pictures) {
    for (let patch = 0; patch < side * side; patch += 1) {
      const top = Math.floor(patch / side) * patchSize;
      const left = (patch % side) * patchSize;
      for (let line = 0; line < 3 * patchSize; line += 1) {
        const channel = Math.floor(line / patchSize);
        const start = (channel * imageSize + top + (line % patchSize)) * imageSize + left;
        patches.set(pixels.subarray(start, start + patchSize), position);
        position += patchSize;
      }
    }
  }
  return patches;
}

function encoderLayer(
  weights: Weights,
  vision: VisionConfig,
  x: tf.Tensor2D,
  layer: number,
  exampleCount: number,
  tokenCount: number,
): tf.Tensor2D {
  const path = `${TOWER}.encoder.layers.${layer}`;
  const { headCount, hiddenSize, layerNormEpsilon } = vision;
  const headDimension = hiddenSize / headCount;
  const split = (normed: tf.Tensor2D, name: string): tf.Tensor3D => {
    const rows = tf.reshape(weights.linear(normed, `${path}.self_attn.${name}`), [
      exampleCount,
      tokenCount,
      headCount,
      headDimension,
    ]);
    return tf.reshape(tf.transpose(rows, [0, 2, 1, 3]), [exampleCount * headCount, tokenCount, headDimension]);
  };
  const middle = tf.tidy(() => {
    const normed = layerNorm(weights, x, `${path}.layer_norm1`, layerNormEpsilon);
    const query = tf.mul(split(normed, 'q_proj'), 1 / Math.sqrt(headDimension)) as tf.Tensor3D;
    const input = { query, key: split(normed, 'k_proj'), value: split(normed, 'v_proj') };
    const { mixed } = attend(input, openBlocks(exampleCount * headCount, tokenCount, tokenCount, MAX_ATTENTION_TABLE));
    const heads = tf.transpose(tf.reshape(mixed, [exampleCount, headCount, tokenCount, headDimension]), [0, 2, 1, 3]);
    const rows = tf.reshape(heads, [exampleCount * tokenCount, hiddenSize]) as tf.Tensor2D;
    return tf.add(x, weights.linear(rows, `${path}.self_attn.out_proj`)) as tf.Tensor2D;
  });
  const wide = tf.tidy(() =>
    weights.linear(layerNorm(weights, middle, `${path}.layer_norm2`, layerNormEpsilon), `${path}.mlp.fc1`),
  );
  const active = tf.tidy(() => activate(wide, vision.activation));
  return tf.add(middle, weights.linear(active, `${path}.mlp.fc2`));
}

function withoutFirst(x: tf.Tensor2D, exampleCount: number, tokenCount: number): tf.Tensor2D {
  const hidden = x.shape[1];
  const patches = tf.slice(
    tf.reshape(x, [exampleCount, tokenCount, hidden]),
    [0, 1, 0],
    [exampleCount, tokenCount - 1, hidden],
  );
  return tf.reshape(patches, [exampleCount * (tokenCount - 1), hidden]);
}

/** (x − mean) / sqrt(variance + ε) · weight + bias over the last axis; biased variance. */
function layerNorm(weights: Weights, x: tf.Tensor2D, path: string, epsilon: number): tf.Tensor2D {
  const centred = tf.sub(x, tf.mean(x, -1, true));
  const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), epsilon));
  return tf.add(tf.mul(tf.mul(centred, inverse), weights.get(`${path}.weight`)), weights.get(`${path}.bias`));
}

function activate(x: tf.Tensor2D, activation: VisionConfig['activation']): tf.Tensor2D {
  if (activation === 'gelu') return gelu(x);
  if (activation === 'quick_gelu') return tf.mul(x, tf.sigmoid(tf.mul(x, 1.702)));
  // 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³)))
  const cubed = tf.mul(tf.square(x), tf.mul(x, 0.044715));
  return tf.mul(tf.mul(x, 0.5), tf.add(tf.tanh(tf.mul(tf.add(x, cubed), Math.sqrt(2 / Math.PI))), 1));
}

/** The exact form x · Φ(x), by the error function. */
function gelu(x: tf.Tensor2D): tf.Tensor2D {
  return tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));
}
