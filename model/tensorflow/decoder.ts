// The decoder: forward, and backward as written by hand.
import * as tf from '@tensorflow/tfjs';
import type { LoraTarget } from '../../contracts/config.ts';
import type { Adapter } from './adapter-tensors.ts';
import { MAX_ATTENTION_TABLE } from '../memory/bounds.ts';
import { attend, attendBackward, inTidy } from './attention.ts';
import type { QueryBlock } from './attention.ts';
import { causalBlocks, rotaryTables, rotate, rotateBackward, widenRotary } from './attention-tables.ts';
import type { PositionTables, RotaryTables } from './attention-tables.ts';
import type { TextConfig } from '../architectures/architecture.ts';
import type { KeyValueCache } from './key-value-cache.ts';
import type { BatchShape } from './micro-batch.ts';
import { rmsNorm, rmsNormBackward } from './rms-norm.ts';
import type { NormCache } from './rms-norm.ts';
import { decoderLinearPath } from '../weight-shapes.ts';
import type { Weights } from './weights.ts';

/** Receives what the LoRA layers' gradients are made of, in the backward pass, for all rows of the micro-batch. */
export interface LoraSink {
  /** Whether the gradient of a layer's pair is wanted. */
  wants(path: string): boolean;
  /**
   * dA_j = dh_jᵀ x_j `[rank, in]` and dB_j = dy_jᵀ h_j `[out, rank]` for the rows of example j.
   * `h` is scale · x Aᵀ and `dh` is scale · dy B, so the scale is already inside. The tensors die after the call.
   */
  take(path: string, tensors: { x: tf.Tensor2D; h: tf.Tensor2D; dh: tf.Tensor2D; dy: tf.Tensor2D }): void;
}

/**
 * What a layer keeps for its backward pass. Shapes: row = example · token; from `mixed` on, the last layer has only the
 * rows that are asked for, since nothing after its attention looks at other rows.
 */
interface LayerCache {
  attentionInput: NormCache;
  attentionNormed: tf.Tensor2D;
  /** `[example · kv, group · token, headDimension]` */
  query: tf.Tensor3D;
  /** `[example · kv, token, headDimension]`, as `value` */
  key: tf.Tensor3D;
  value: tf.Tensor3D;
  /** `[example · kv, group · token, token]`; null where it was formed in blocks. */
  attention: tf.Tensor3D | null;
  mixed: tf.Tensor2D;
  mlpInput: NormCache;
  mlpNormed: tf.Tensor2D;
  up: tf.Tensor2D;
  /** σ(gate), gate · σ(gate), and that times up. */
  sigmoid: tf.Tensor2D;
  silu: tf.Tensor2D;
  active: tf.Tensor2D;
  /** Per adapted linear layer that is not merged: scale · x Aᵀ `[row, rank]`. */
  low: Record<string, tf.Tensor2D>;
}

/** What all layers of a micro-batch share. */
interface Shared {
  shape: BatchShape;
  tables: RotaryTables;
  blocks: QueryBlock[];
  /** `[position]` rows that are asked for, ascending. */
  wanted: tf.Tensor1D;
  /** Keys and values of the tokens before; absent: there are none, and none are kept. */
  cache?: KeyValueCache;
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

  readonly #maxTable: number;

  /** @param maxTable values of an attention table that are formed at once */
  constructor(weights: Weights, text: TextConfig, adapter: Adapter | null, maxTable = MAX_ATTENTION_TABLE) {
    this.#weights = weights;
    this.#text = text;
    this.#adapter = adapter;
    this.#maxTable = maxTable;
  }

  /**
   * Hidden states of the wanted rows after the last layer, before the final norm. Keeps nothing.
   *
   * @param embedded `[row, hidden]`
   * @param wanted `[position]` rows, ascending
   * @param tables of the positions, where they are there
   * @returns `[position, hidden]`
   */
  forward(
    embedded: tf.Tensor2D,
    shape: BatchShape,
    wanted: Int32Array | tf.Tensor1D,
    tables: PositionTables | null = null,
  ): tf.Tensor2D {
    return tf.tidy(() => this.#layers(embedded, this.#shared(shape, wanted, tables)));
  }

  /** {@link Decoder.forward} that leaves the keys and values of all tokens in a cache. */
  forwardInto(cache: KeyValueCache, embedded: tf.Tensor2D, shape: BatchShape, wanted: Int32Array): tf.Tensor2D {
    return tf.tidy(() => this.#layers(embedded, { ...this.#shared(shape, wanted, null), cache }));
  }

  /**
   * One more token of each example, behind those of a cache, which takes theirs.
   * @param embedded `[example, hidden]`
   * @returns `[example, hidden]`
   */
  forwardBehind(cache: KeyValueCache, embedded: tf.Tensor2D): tf.Tensor2D {
    return tf.tidy(() => {
      const { tables, blocks } = cache.place(this.#text);
      const exampleCount = embedded.shape[0];
      const wanted = tf.range(0, exampleCount, 1, 'int32');
      return this.#layers(embedded, { shape: { exampleCount, tokenCount: 1 }, tables, blocks, wanted, cache });
    });
  }

  #layers(embedded: tf.Tensor2D, shared: Shared): tf.Tensor2D {
    let x = embedded;
    for (let layer = 0; layer < this.#text.layerCount; layer += 1) {
      const input = x;
      x = tf.tidy(() => this.#layerForward(input, layer, shared).output);
      if (input !== embedded) input.dispose();
    }
    return x;
  }

  /**
   * Forward pass that keeps what the backward pass needs. Disposes nothing of the caller's.
   * Call `backward` exactly once: it frees what was kept.
   *
   * @param wanted `[position]` rows whose hidden states are needed, ascending
   * @param recomputedLayerCount of so many layers, from the first on, only the input is kept: their forward pass is
   * done again in the backward pass, which gives the same bits
   * @param given tables of the positions, where they are there
   * @returns `hidden` `[position, hidden]` (freed by `backward`) and `backward(dHidden)`, which feeds the sink.
   */
  forwardForGradients(
    embedded: tf.Tensor2D,
    shape: BatchShape,
    wanted: Int32Array | tf.Tensor1D,
    recomputedLayerCount = 0,
    given: PositionTables | null = null,
  ): { hidden: tf.Tensor2D; backward: (dHidden: tf.Tensor2D, sink: LoraSink) => void } {
    const shared = this.#shared(shape, wanted, given);
    const inputs: tf.Tensor2D[] = [];
    const caches: LayerCache[] = [];
    let hidden = embedded;
    for (let layer = 0; layer < this.#text.layerCount; layer += 1) {
      const input = hidden;
      inputs.push(input);
      if (layer < recomputedLayerCount) {
        hidden = tf.tidy(() => this.#layerForward(input, layer, shared).output);
        continue;
      }
      const { output, cache } = inTidy(() => this.#layerForward(input, layer, shared));
      if (input !== embedded) input.dispose();
      caches[layer] = cache;
      hidden = output;
    }
    const last = hidden;
    return {
      hidden: last,
      backward: (dHidden, sink) => {
        last.dispose();
        let dx = dHidden;
        for (let layer = this.#text.layerCount - 1; layer >= 0; layer -= 1) {
          const [input, dy] = [inputs[layer]!, dx];
          const cache = caches[layer] ?? inTidy(() => this.#layerForward(input, layer, shared).cache);
          if (layer < recomputedLayerCount && input !== embedded) input.dispose();
          dx = tf.tidy(() => this.#layerBackward(dy, layer, shared, cache, sink));
          if (dy !== dHidden) dy.dispose();
          disposeCache(cache);
        }
        dx.dispose();
        disposeShared(shared);
      },
    };
  }

  /**
   * Final norm at the given rows: hidden `[row, hidden]` → normalised rows ready for the head, with the cache for
   * {@link finalNormBackward}.
   */
  finalNorm(x: tf.Tensor2D): { normed: tf.Tensor2D; cache: NormCache } {
    return this.#rmsNorm(x, 'model.language_model.norm');
  }

  finalNormBackward(dy: tf.Tensor2D, cache: NormCache): tf.Tensor2D {
    return this.#rmsNormBackward(dy, 'model.language_model.norm', cache);
  }

  #shared(shape: BatchShape, wanted: Int32Array | tf.Tensor1D, given: PositionTables | null): Omit<Shared, 'cache'> {
    const { headCount, keyValueHeadCount } = this.#text;
    const { exampleCount, tokenCount } = shape;
    const rows = (headCount / keyValueHeadCount) * tokenCount;
    const tensors = inTidy(() => ({
      tables: given === null ? rotaryTables(this.#text, shape) : widenRotary(this.#text, exampleCount, given),
      blocks:
        given === null
          ? causalBlocks(exampleCount * keyValueHeadCount, rows / tokenCount, tokenCount, this.#maxTable)
          : [{ start: 0, end: rows, mask: tf.clone(given.mask) }],
      wanted: wanted instanceof tf.Tensor ? tf.clone(wanted) : tf.tensor1d(wanted, 'int32'),
    }));
    return { shape, ...tensors };
  }

  #layerForward(
    x: tf.Tensor2D,
    layer: number,
    { shape, tables, blocks, wanted, cache }: Shared,
  ): { output: tf.Tensor2D; cache: LayerCache } {
    const base = `model.language_model.layers.${layer}`;
    const low: Record<string, tf.Tensor2D> = {};
    const linear = (input: tf.Tensor2D, target: LoraTarget): tf.Tensor2D =>
      this.#linear(input, decoderLinearPath(layer, target), low);
    const { headCount, keyValueHeadCount } = this.#text;

    const { normed: attentionNormed, cache: attentionInput } = this.#rmsNorm(x, `${base}.input_layernorm`);
    const query = this.#split(
      rotate(linear(attentionNormed, 'q_proj'), tables.queryCosine, tables.querySine, tables.rotation),
      shape,
      headCount,
    );
    const ownKey = this.#split(
      rotate(linear(attentionNormed, 'k_proj'), tables.cosine, tables.sine, tables.rotation),
      shape,
      keyValueHeadCount,
    );
    const ownValue = this.#split(linear(attentionNormed, 'v_proj'), shape, keyValueHeadCount);
    const { key, value } = cache?.extend(layer, ownKey, ownValue) ?? { key: ownKey, value: ownValue };
    const { mixed: heads, table: attention } = attend({ query, key, value }, blocks);
    const pick = this.#isLast(layer) ? (rows: tf.Tensor2D) => tf.gather(rows, wanted) : (rows: tf.Tensor2D) => rows;
    const mixed = pick(this.#merge(heads, shape, headCount));
    const middle = tf.add(pick(x), linear(mixed, 'o_proj')) as tf.Tensor2D;

    const { normed: mlpNormed, cache: mlpInput } = this.#rmsNorm(middle, `${base}.post_attention_layernorm`);
    const gate = linear(mlpNormed, 'gate_proj');
    const up = linear(mlpNormed, 'up_proj');
    const sigmoid = tf.sigmoid(gate);
    const silu = tf.mul(gate, sigmoid) as tf.Tensor2D;
    const active = tf.mul(silu, up) as tf.Tensor2D;
    const output = tf.add(middle, linear(active, 'down_proj')) as tf.Tensor2D;
    const attended = { attentionInput, attentionNormed, query, key, value, attention, mixed };
    return { output, cache: { ...attended, mlpInput, mlpNormed, up, sigmoid, silu, active, low } };
  }

  #layerBackward(dOutput: tf.Tensor2D, layer: number, shared: Shared, cache: LayerCache, sink: LoraSink): tf.Tensor2D {
    const { shape, wanted } = shared;
    const rowCount = shape.exampleCount * shape.tokenCount;
    const spread = this.#isLast(layer)
      ? (rows: tf.Tensor2D) =>
          tf.scatterND(tf.reshape(wanted, [wanted.size, 1]), rows, [rowCount, rows.shape[1]]) as tf.Tensor2D
      : (rows: tf.Tensor2D) => rows;
    const path = (target: LoraTarget): string => decoderLinearPath(layer, target);
    const { low } = cache;
    const back = (dy: tf.Tensor2D, x: tf.Tensor2D, target: LoraTarget): tf.Tensor2D =>
      this.#linearBackward(dy, x, path(target), low, spread, sink);

    const dMiddle = tf.tidy(() => tf.add(dOutput, this.#mlpBackward(dOutput, layer, cache, back)) as tf.Tensor2D);
    const dMixed = this.#split(spread(back(dMiddle, cache.mixed, 'o_proj')), shape, this.#text.headCount);
    const { dQuery, dKey, dValue } = this.#attentionBackward(dMixed, shared, cache);
    const x = cache.attentionNormed;
    const whole = (dy: tf.Tensor2D, target: LoraTarget): tf.Tensor2D =>
      this.#linearBackward(dy, x, path(target), low, (rows) => rows, sink);
    const dNormed = tf.addN([whole(dQuery, 'q_proj'), whole(dKey, 'k_proj'), whole(dValue, 'v_proj')]);
    const dInput = this.#rmsNormBackward(
      dNormed,
      `model.language_model.layers.${layer}.input_layernorm`,
      cache.attentionInput,
    );
    return tf.add(spread(dMiddle), dInput);
  }

  #mlpBackward(
    dOutput: tf.Tensor2D,
    layer: number,
    { active, up, sigmoid, silu, mlpNormed, mlpInput }: LayerCache,
    back: (dy: tf.Tensor2D, x: tf.Tensor2D, target: LoraTarget) => tf.Tensor2D,
  ): tf.Tensor2D {
    const dActive = back(dOutput, active, 'down_proj');
    const dUp = tf.mul(dActive, silu) as tf.Tensor2D;
    // up · d silu/d gate = up · (σ + silu · (1 − σ)) = active + σ · (up − active), with active = silu · up
    const dGate = tf.mul(dActive, tf.add(active, tf.mul(sigmoid, tf.sub(up, active)))) as tf.Tensor2D;
    const dNormed = tf.add(back(dGate, mlpNormed, 'gate_proj'), back(dUp, mlpNormed, 'up_proj')) as tf.Tensor2D;
    return this.#rmsNormBackward(dNormed, `model.language_model.layers.${layer}.post_attention_layernorm`, mlpInput);
  }

  #attentionBackward(
    dMixed: tf.Tensor3D,
    { shape, tables, blocks }: Shared,
    { attention, ...input }: LayerCache,
  ): { dQuery: tf.Tensor2D; dKey: tf.Tensor2D; dValue: tf.Tensor2D } {
    const { headCount, keyValueHeadCount } = this.#text;
    const { queryCosine, querySine, cosine, sine, rotation } = tables;
    return inTidy(() => {
      const { dQuery, dKey, dValue } = attendBackward(dMixed, input, attention, blocks);
      return {
        dQuery: rotateBackward(this.#merge(dQuery, shape, headCount), queryCosine, querySine, rotation),
        dKey: rotateBackward(this.#merge(dKey, shape, keyValueHeadCount), cosine, sine, rotation),
        dValue: this.#merge(dValue, shape, keyValueHeadCount),
      };
    });
  }

  #isLast(layer: number): boolean {
    return layer === this.#text.layerCount - 1;
  }

  /**
   * `[row, head · d]` → `[example · kv, group · token, d]`: the query heads of a group share a key and lie together.
   */
  #split(x: tf.Tensor2D, { exampleCount, tokenCount }: BatchShape, headCount: number): tf.Tensor3D {
    const { headDimension, keyValueHeadCount } = this.#text;
    const heads = tf.transpose(tf.reshape(x, [exampleCount, tokenCount, headCount, headDimension]), [0, 2, 1, 3]);
    return tf.reshape(heads, [
      exampleCount * keyValueHeadCount,
      (headCount / keyValueHeadCount) * tokenCount,
      headDimension,
    ]);
  }

  /** Inverse of {@link Decoder.#split}. */
  #merge(x: tf.Tensor, { exampleCount, tokenCount }: BatchShape, headCount: number): tf.Tensor2D {
    const { headDimension } = this.#text;
    const heads = tf.transpose(tf.reshape(x, [exampleCount, headCount, tokenCount, headDimension]), [0, 2, 1, 3]);
    return tf.reshape(heads, [exampleCount * tokenCount, headCount * headDimension]);
  }

  /** x Wᵀ + scale · (x Aᵀ) Bᵀ; the low-rank half, where there is one, is kept in `low` for the backward pass. */
  #linear(x: tf.Tensor2D, path: string, low: Record<string, tf.Tensor2D>): tf.Tensor2D {
    const pair = this.#adapter?.pairs.get(path);
    if (pair?.merged) return this.#weights.withBias(tf.matMul(x, pair.merged.weight, false, true), path);
    const y = this.#weights.linear(x, path);
    if (pair === undefined) return y;
    const h = tf.mul(tf.matMul(x, pair.a, false, true), pair.scale) as tf.Tensor2D;
    low[path] = h;
    return tf.add(y, tf.matMul(h, pair.b, false, true));
  }

  /** dx = dy W + dh A; `spread` puts rows that were picked back to their places, for the sink. */
  #linearBackward(
    dy: tf.Tensor2D,
    x: tf.Tensor2D,
    path: string,
    low: Readonly<Record<string, tf.Tensor2D>>,
    spread: (rows: tf.Tensor2D) => tf.Tensor2D,
    sink: LoraSink,
  ): tf.Tensor2D {
    const pair = this.#adapter?.pairs.get(path);
    if (pair === undefined) return this.#weights.linearBackward(dy, path);
    const { merged } = pair;
    const take = (dh: tf.Tensor2D): void => {
      if (!sink.wants(path)) return;
      const h = merged === null ? low[path]! : tf.matMul<tf.Tensor2D>(x, merged.a, false, true);
      sink.take(path, { x: spread(x), h: spread(h), dh: spread(dh), dy: spread(dy) });
    };
    if (merged !== null) {
      if (sink.wants(path)) take(tf.matMul(dy, merged.b));
      return tf.matMul(dy, merged.weight);
    }
    const dx = this.#weights.linearBackward(dy, path);
    const dh = tf.mul(tf.matMul(dy, pair.b), pair.scale) as tf.Tensor2D;
    take(dh);
    return tf.add(dx, tf.matMul(dh, pair.a));
  }

  #rmsNorm(x: tf.Tensor2D, path: string): { normed: tf.Tensor2D; cache: NormCache } {
    return rmsNorm(x, this.#weights.get(`${path}.weight`), this.#text.rmsNormEpsilon);
  }

  #rmsNormBackward(dy: tf.Tensor2D, path: string, cache: NormCache): tf.Tensor2D {
    return rmsNormBackward(dy, this.#weights.get(`${path}.weight`), cache);
  }
}

function disposeCache({ attentionInput, mlpInput, low, attention, ...tensors }: LayerCache): void {
  tf.dispose([
    ...(attention === null ? [] : [attention]),
    ...Object.values(tensors),
    ...Object.values(attentionInput),
    ...Object.values(mlpInput),
    ...Object.values(low),
  ]);
}

function disposeShared({ tables, blocks, wanted }: Shared): void {
  tf.dispose([...Object.values(tables), ...blocks.map(({ mask }) => mask!), wanted]);
}
