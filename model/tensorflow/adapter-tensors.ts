// A LoRA adapter as tensors of the active engine.
import * as tf from '@tensorflow/tfjs';
import type { AdapterValues, LoraSettings } from '../adapter.ts';

/** One linear layer's low-rank pair, in torch's layout: y = x Wᵀ + scale · (x Aᵀ) Bᵀ. */
export interface LoraPair {
  /** `[rank, in]` */
  a: tf.Tensor2D;
  /** `[out, rank]` */
  b: tf.Tensor2D;
  /** alpha / rank, or alpha / √rank with rslora. */
  scale: number;
}

/** A LoRA adapter of the decoder as tensors: module path → pair. Freed by {@link disposeAdapter}. */
export interface Adapter {
  settings: LoraSettings;
  pairs: ReadonlyMap<string, LoraPair>;
}

/** Puts the values into tensors of the active engine; the caller frees them with {@link disposeAdapter}. */
export function toTensors(values: AdapterValues): Adapter {
  const tensors = new Map(
    values.parameters.map(({ name, shape, values: data }) => [name, tf.tensor2d(data, shape as [number, number])]),
  );
  const pairs = new Map<string, LoraPair>();
  for (const [path, scale] of values.scales) {
    pairs.set(path, { a: tensors.get(`${path}.lora_A`)!, b: tensors.get(`${path}.lora_B`)!, scale });
  }
  return { settings: values.settings, pairs };
}

/** Frees the adapter's tensors. */
export function disposeAdapter(adapter: Adapter): void {
  for (const { a, b } of adapter.pairs.values()) tf.dispose([a, b]);
}
