// A LoRA adapter as tensors of the active engine.
import * as tf from '@tensorflow/tfjs';
import type { AdapterValues, LoraSettings } from '../adapter.ts';
import { MAX_MERGED } from '../memory/bounds.ts';
import type { Weights } from './weights.ts';

/** One linear layer's low-rank pair, in torch's layout: y = x Wᵀ + scale · (x Aᵀ) Bᵀ. */
export interface LoraPair {
  /** `[rank, in]` */
  a: tf.Tensor2D;
  /** `[out, rank]` */
  b: tf.Tensor2D;
  /** alpha / rank, or alpha / √rank with rslora. */
  scale: number;
  /** Null where the layer computes with both halves. */
  merged: MergedPair | null;
}

/** A pair that is merged with its layer's weight, so that the layer is one product. */
export interface MergedPair {
  /** W + scale · B A `[out, in]` */
  weight: tf.Tensor2D;
  /** scale · A `[rank, in]` */
  a: tf.Tensor2D;
  /** scale · B `[out, rank]` */
  b: tf.Tensor2D;
}

/** A LoRA adapter of the decoder as tensors: module path → pair. Freed by {@link disposeAdapter}. */
export interface Adapter {
  settings: LoraSettings;
  /** Whether its layers compute with merged weights: here, or in a graph that merges them by itself. */
  isMerged: boolean;
  pairs: ReadonlyMap<string, LoraPair>;
}

/**
 * Puts the values into tensors of the active engine; the caller frees them with {@link disposeAdapter}.
 *
 * @param weights with which small adapted layers are merged: products of low rank run at a fraction of the rate of
 * others, and a copy of the weights costs little. Which are small follows from shapes, since it decides over bits.
 */
export function toTensors(values: AdapterValues, weights: Weights | null = null): Adapter {
  const { pairs, ...adapter } = toGraphTensors(values);
  if (weights === null || !adapter.isMerged) return { ...adapter, isMerged: false, pairs };
  const merged = new Map<string, LoraPair>();
  for (const [path, pair] of pairs) merged.set(path, { ...pair, merged: mergePair(weights, path, pair) });
  return { ...adapter, pairs: merged };
}

/** {@link toTensors} for a graph, which merges by itself what is small. */
export function toGraphTensors(values: AdapterValues): Adapter {
  const tensors = new Map(
    values.parameters.map(({ name, shape, values: data }) => [name, tf.tensor2d(data, shape as [number, number])]),
  );
  const pairs = new Map<string, LoraPair>();
  for (const [path, scale] of values.scales)
    pairs.set(path, { a: tensors.get(`${path}.lora_A`)!, b: tensors.get(`${path}.lora_B`)!, scale, merged: null });
  return { settings: values.settings, isMerged: isMerged([...pairs.values()]), pairs };
}

/** Whether layers of these pairs are merged; the wasm engine would need every merged weight transposed too. */
function isMerged(pairs: readonly LoraPair[]): boolean {
  const count = pairs.reduce((sum, { a, b }) => sum + b.shape[0] * a.shape[1], 0);
  return count <= MAX_MERGED && tf.getBackend() !== 'wasm';
}

/** A pair merged with its layer's weight. */
export function mergePair(weights: Weights, path: string, { a, b, scale }: Omit<LoraPair, 'merged'>): MergedPair {
  // The scale comes last: where B is too large for it and A is zero, the weight stays what it is.
  const weight = tf.tidy(() => tf.add<tf.Tensor2D>(weights.get(`${path}.weight`), tf.mul(tf.matMul(b, a), scale)));
  return { weight, a: tf.mul(a, scale), b: tf.mul(b, scale) };
}

/** Frees the adapter's tensors. */
export function disposeAdapter(adapter: Adapter): void {
  for (const { a, b, merged } of adapter.pairs.values()) tf.dispose([a, b, ...Object.values(merged ?? {})]);
}
