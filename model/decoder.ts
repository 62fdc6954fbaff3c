import * as tf from '@tensorflow/tfjs';
import type { LoraTarget } from '../contracts/config.ts';
import type { Adapter } from './adapter.ts';
import { causalMask, rotaryTables, rotate, rotateBackward } from './attention-tables.ts';
import type { RotaryTables } from './attention-tables.ts';
import type { TextConfig } from './model-config.ts';
import { decoderLinearPath } from './weight-shapes.ts';
import type { Weights } from './weights.ts';

/**
 * Receives what a LoRA layer's gradients are made of, in the backward pass, for all rows of the micro-batch:
 * dA_j = dh_jᵀ x_j `[rank, in]` and dB_j = dy_jᵀ h_j `[out, rank]` for the rows of example j.
 * `h` is scale · x Aᵀ and `dh` is scale · dy B, so the scale is already inside. The tensors die after the call.
 */
export type LoraSink = (path: string, tensors: { x: tf.Tensor2D; h: tf.Tensor2D; dh: tf.Tensor2D; dy: tf.Tensor2D }) => void;

/** Sizes of the micro-batch: `exampleCount` sequences, each padded on the right to `tokenCount`. */
export interface BatchShape {
  exampleCount: number;
  tokenCount: number;
}

/** What a layer keeps for its backward pass. Shapes: row = example · token. */
interface LayerCache {
  attentionInput: NormCache;
  attentionNormed: tf.Tensor2D;
  /** `[example · kv, group · token, headDimension]` */
  query: tf.Tensor3D;
  /** `[example · kv, token, headDimension]`, as `value` */
  key: tf.Tensor3D;
  value: tf.Tensor3D;
  /** `[example · kv, group · token, token]` */
  attention: tf.Tensor3D;
  mixed: tf.Tensor2D;
  mlpInput: NormCache;
  mlpNormed: tf.Tensor2D;
  gate: tf.Tensor2D;
  up: tf.Tensor2D;
  active: tf.Tensor2D;
  /** Per adapted linear layer: scale · x Aᵀ `[row, rank]`. */
  low: Record<string, tf.Tensor2D>;
}

interface NormCache {
  /** x / rms(x) `[row, hidden]` */
  normalised: tf.Tensor2D;
  /** 1 / rms(x) `[row, 1]` */
  inverse: tf.Tensor2D;
}

/**
 * The Llama decoder, layer by layer, with the backward pass written by hand.
 *
 * The forward pass uses plain differentiable operations, so that training of all weights may differentiate through
 * {@link Decoder.forward}. With LoRA only activations flow back, and each adapted layer hands the pieces of its weight
 * gradients to a sink: no gradient is ever summed over examples before the sink has seen it.
 */
export class Decoder {
  readonly #weights: Weights;
  readonly #text: TextConfig;
  readonly #adapter: Adapter | null;

  constructor(weights: Weights, text: TextConfig, adapter: Adapter | null) {
    this.#weights = weights;
    this.#text = text;
    this.#adapter = adapter;
  }

  /** Hidden states after the last layer, before the final norm: x `[row, hidden]` → `[row, hidden]`. Keeps nothing. */
  forward(embedded: tf.Tensor2D, shape: BatchShape): tf.Tensor2D {
    return tf.tidy(() => {
      const tables = this.#tables(shape);
      const mask = this.#mask(shape);
      let x = embedded;
      for (let layer = 0; layer < this.#text.layerCount; layer += 1) x = this.#layerForward(x, layer, shape, tables, mask).output;
      return x;
    });
  }

  /**
   * Forward pass that keeps what the backward pass needs. Disposes nothing of the caller's.
   * Call `backward` exactly once: it frees what was kept.
   *
   * @returns `hidden` `[row, hidden]` (freed by `backward`) and `backward(dHidden)`, which feeds the sink.
   */
  forwardForGradients(embedded: tf.Tensor2D, shape: BatchShape): { hidden: tf.Tensor2D; backward: (dHidden: tf.Tensor2D, sink: LoraSink) => void } {
    const tables = tf.tidy(() => this.#tables(shape) as unknown as tf.TensorContainer) as unknown as RotaryTables;
    const mask = tf.tidy(() => this.#mask(shape));
    const caches: LayerCache[] = [];
    let hidden = embedded;
    for (let layer = 0; layer < this.#text.layerCount; layer += 1) {
      const input = hidden;
      const kept = tf.tidy(() => this.#layerForward(input, layer, shape, tables, mask) as unknown as tf.TensorContainer);
      const { output, cache } = kept as unknown as { output: tf.Tensor2D; cache: LayerCache };
      if (input !== embedded) input.dispose();
      caches.push(cache);
      hidden = output;
    }
    mask.dispose();
    const last = hidden;
    return {
      hidden: last,
      backward: (dHidden, sink) => {
        last.dispose();
        let dx = dHidden;
        for (let layer = this.#text.layerCount - 1; layer >= 0; layer -= 1) {
          const cache = caches[layer]!;
          const dy = dx;
          dx = tf.tidy(() => this.#layerBackward(dy, layer, shape, tables, cache, sink));
          if (dy !== dHidden) dy.dispose();
          disposeCache(cache);
        }
        tf.dispose([dx, tables.cosine, tables.sine, tables.queryCosine, tables.querySine, tables.rotation]);
      },
    };
  }

  /** Final norm at the given rows: hidden `[row, hidden]` → normalised rows ready for the head, with the cache for {@link finalNormBackward}. */
  finalNorm(x: tf.Tensor2D): { normed: tf.Tensor2D; cache: NormCache } {
    return this.#rmsNorm(x, 'model.language_model.norm');
  }

  finalNormBackward(dy: tf.Tensor2D, cache: NormCache): tf.Tensor2D {
    return this.#rmsNormBackward(dy, 'model.language_model.norm', cache);
  }

  #tables({ exampleCount, tokenCount }: BatchShape): RotaryTables {
    return rotaryTables(this.#text, exampleCount, tokenCount);
  }

  #mask({ tokenCount }: BatchShape): tf.Tensor3D {
    return causalMask(tokenCount, this.#text.headCount / this.#text.keyValueHeadCount);
  }

  #layerForward(x: tf.Tensor2D, layer: number, shape: BatchShape, tables: RotaryTables, mask: tf.Tensor3D): { output: tf.Tensor2D; cache: LayerCache } {
    const base = `model.language_model.layers.${layer}`;
    const low: Record<string, tf.Tensor2D> = {};
    const linear = (input: tf.Tensor2D, target: LoraTarget): tf.Tensor2D => this.#linear(input, decoderLinearPath(layer, target), low);
    const { headCount, keyValueHeadCount } = this.#text;

    const { normed: attentionNormed, cache: attentionInput } = this.#rmsNorm(x, `${base}.input_layernorm`);
    const query = this.#split(rotate(linear(attentionNormed, 'q_proj'), tables.queryCosine, tables.querySine, tables.rotation), shape, headCount);
    const key = this.#split(rotate(linear(attentionNormed, 'k_proj'), tables.cosine, tables.sine, tables.rotation), shape, keyValueHeadCount);
    const value = this.#split(linear(attentionNormed, 'v_proj'), shape, keyValueHeadCount);
    const attention = tf.softmax(tf.add(tf.matMul(query, key, false, true), mask)) as tf.Tensor3D;
    const mixed = this.#merge(tf.matMul(attention, value), shape, headCount);
    const middle = tf.add(x, linear(mixed, 'o_proj')) as tf.Tensor2D;

    const { normed: mlpNormed, cache: mlpInput } = this.#rmsNorm(middle, `${base}.post_attention_layernorm`);
    const gate = linear(mlpNormed, 'gate_proj');
    const up = linear(mlpNormed, 'up_proj');
    const active = tf.mul(tf.mul(gate, tf.sigmoid(gate)), up) as tf.Tensor2D;
    const output = tf.add(middle, linear(active, 'down_proj')) as tf.Tensor2D;
    return { output, cache: { attentionInput, attentionNormed, query, key, value, attention, mixed, mlpInput, mlpNormed, gate, up, active, low } };
  }

  #layerBackward(dOutput: tf.Tensor2D, layer: number, shape: BatchShape, tables: RotaryTables, cache: LayerCache, sink: LoraSink): tf.Tensor2D {
    const base = `model.language_model.layers.${layer}`;
    const back = (dy: tf.Tensor2D, x: tf.Tensor2D, target: LoraTarget): tf.Tensor2D =>
      this.#linearBackward(dy, x, decoderLinearPath(layer, target), cache.low, sink);

    const { gate, up } = cache;
    const dActive = back(dOutput, cache.active, 'down_proj');
    const sigmoid = tf.sigmoid(gate);
    const silu = tf.mul(gate, sigmoid);
    const dUp = tf.mul(dActive, silu) as tf.Tensor2D;
    // d silu = σ(g) · (1 + g · (1 − σ(g))) = σ + silu · (1 − σ)
    const dGate = tf.mul(tf.mul(dActive, up), tf.add(sigmoid, tf.mul(silu, tf.sub(1, sigmoid)))) as tf.Tensor2D;
    const dMlp = tf.add(back(dGate, cache.mlpNormed, 'gate_proj'), back(dUp, cache.mlpNormed, 'up_proj')) as tf.Tensor2D;
    const dMiddle = tf.add(dOutput, this.#rmsNormBackward(dMlp, `${base}.post_attention_layernorm`, cache.mlpInput)) as tf.Tensor2D;

    const dMixed = this.#splitGrouped(back(dMiddle, cache.mixed, 'o_proj'), shape);
    const { query, key, value, attention } = cache;
    const dAttention = tf.matMul(dMixed, value, false, true);
    const weighted = tf.mul(dAttention, attention);
    const dScores = tf.sub(weighted, tf.mul(attention, tf.sum(weighted, -1, true))) as tf.Tensor3D;
    const dQuery = rotateBackward(this.#merge(tf.matMul(dScores, key), shape, this.#text.headCount), tables.queryCosine, tables.querySine, tables.rotation);
    const dKey = rotateBackward(this.#merge(tf.matMul(dScores, query, true, false), shape, this.#text.keyValueHeadCount), tables.cosine, tables.sine, tables.rotation);
    const dValue = this.#merge(tf.matMul(attention, dMixed, true, false), shape, this.#text.keyValueHeadCount);
    const x = cache.attentionNormed;
    const dNormed = tf.addN([back(dQuery, x, 'q_proj'), back(dKey, x, 'k_proj'), back(dValue, x, 'v_proj')]);
    return tf.add(dMiddle, this.#rmsNormBackward(dNormed, `${base}.input_layernorm`, cache.attentionInput));
  }

  /** `[row, head · d]` → `[example · kv, group · token, d]`: the query heads of a group share a key and lie together. */
  #split(x: tf.Tensor2D, { exampleCount, tokenCount }: BatchShape, headCount: number): tf.Tensor3D {
    const { headDimension, keyValueHeadCount } = this.#text;
    const heads = tf.transpose(tf.reshape(x, [exampleCount, tokenCount, headCount, headDimension]), [0, 2, 1, 3]);
    return tf.reshape(heads, [exampleCount * keyValueHeadCount, (headCount / keyValueHeadCount) * tokenCount, headDimension]);
  }

  #splitGrouped(x: tf.Tensor2D, shape: BatchShape): tf.Tensor3D {
    return this.#split(x, shape, this.#text.headCount);
  }

  /** Inverse of {@link Decoder.#split}. */
  #merge(x: tf.Tensor, { exampleCount, tokenCount }: BatchShape, headCount: number): tf.Tensor2D {
    const { headDimension } = this.#text;
    const heads = tf.transpose(tf.reshape(x, [exampleCount, headCount, tokenCount, headDimension]), [0, 2, 1, 3]);
    return tf.reshape(heads, [exampleCount * tokenCount, headCount * headDimension]);
  }

  /** x Wᵀ + scale · (x Aᵀ) Bᵀ; the low-rank half is kept in `low` for the backward pass. */
  #linear(x: tf.Tensor2D, path: string, low: Record<string, tf.Tensor2D>): tf.Tensor2D {
    const y = this.#weights.linear(x, path);
    const pair = this.#adapter?.pairs.get(path);
    if (pair === undefined) return y;
    const h = tf.mul(tf.matMul(x, pair.a, false, true), pair.scale) as tf.Tensor2D;
    low[path] = h;
    return tf.add(y, tf.matMul(h, pair.b, false, true));
  }

  #linearBackward(dy: tf.Tensor2D, x: tf.Tensor2D, path: string, low: Readonly<Record<string, tf.Tensor2D>>, sink: LoraSink): tf.Tensor2D {
    const dx = this.#weights.linearBackward(dy, path);
    const pair = this.#adapter?.pairs.get(path);
    if (pair === undefined) return dx;
    const dh = tf.mul(tf.matMul(dy, pair.b), pair.scale) as tf.Tensor2D;
    sink(path, { x, h: low[path]!, dh, dy });
    return tf.add(dx, tf.matMul(dh, pair.a));
  }

  /** x / sqrt(mean(x²) + ε) · weight over the last axis. */
  #rmsNorm(x: tf.Tensor2D, path: string): { normed: tf.Tensor2D; cache: NormCache } {
    const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), this.#text.rmsNormEpsilon)) as tf.Tensor2D;
    const normalised = tf.mul(x, inverse) as tf.Tensor2D;
    return { normed: tf.mul(normalised, this.#weights.get(`${path}.weight`)), cache: { normalised, inverse } };
  }

  /** dx = inverse · (dx̂ − x̂ · mean(dx̂ · x̂)) with dx̂ = dy · weight. */
  #rmsNormBackward(dy: tf.Tensor2D, path: string, { normalised, inverse }: NormCache): tf.Tensor2D {
    const dNormalised = tf.mul(dy, this.#weights.get(`${path}.weight`));
    const shared = tf.mean(tf.mul(dNormalised, normalised), -1, true);
    return tf.mul(inverse, tf.sub(dNormalised, tf.mul(normalised, shared)));
  }
}

function disposeCache({ attentionInput, mlpInput, low, ...tensors }: LayerCache): void {
  tf.dispose([...Object.values(tensors), ...Object.values(attentionInput), ...Object.values(mlpInput), ...Object.values(low)]);
}
