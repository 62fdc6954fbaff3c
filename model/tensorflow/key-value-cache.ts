// Keys and values of the tokens that were read, for tokens that follow them one at a time.
import * as tf from '@tensorflow/tfjs';
import type { TextConfig } from '../architectures/architecture.ts';
import { inTidy } from './attention.ts';
import type { QueryBlock } from './attention.ts';
import { rotaryValues, widenRotary } from './attention-tables.ts';
import type { RotaryTables } from './attention-tables.ts';

/** Keys and values of one layer, `[example · kv, token, headDimension]` each. */
interface LayerEntry {
  key: tf.Tensor3D;
  value: tf.Tensor3D;
}

/**
 * Keys, rotated, and values of all layers for examples of different length that are padded on the right: padding stays
 * where it is, hidden by the mask, and what follows stands behind it. A token costs one pass of its own, and attention
 * over those before it. Memory: 2 · layer · example · token · kv · headDimension values. The caller disposes it.
 */
export class KeyValueCache {
  readonly #lengths: readonly number[];
  readonly #layers: LayerEntry[] = [];
  readonly #paddedCount: number;
  #followingCount = 0;

  /** @param lengths `[example]` tokens of each example without its padding */
  constructor(lengths: readonly number[]) {
    this.#lengths = lengths;
    this.#paddedCount = Math.max(...lengths);
  }

  /** Adds the keys and values of new tokens to a layer's. @returns all of them; the cache's own */
  extend(layer: number, key: tf.Tensor3D, value: tf.Tensor3D): LayerEntry {
    const before = this.#layers[layer];
    const entry =
      before === undefined
        ? { key: tf.clone(key), value: tf.clone(value) }
        : { key: tf.concat3d([before.key, key], 1), value: tf.concat3d([before.value, value], 1) };
    tf.keep(entry.key);
    tf.keep(entry.value);
    if (before !== undefined) tf.dispose([before.key, before.value]);
    this.#layers[layer] = entry;
    return entry;
  }

  /**
   * Makes place for one more token of each example.
   * @returns its rotary tables, row by row, and the one block of queries `[example · kv, group, token]` that sees
   * everything but padding; the caller frees them
   */
  place(text: TextConfig): { tables: RotaryTables; blocks: QueryBlock[] } {
    const following = this.#followingCount;
    this.#followingCount += 1;
    return { tables: this.#tables(text, following), blocks: [this.#block(text)] };
  }

  /** Of positions length + following, which differ from example to example. */
  #tables(text: TextConfig, following: number): RotaryTables {
    const { headDimension } = text;
    const all = rotaryValues(text, this.#paddedCount + following + 1);
    const rows = (values: Float32Array): tf.Tensor2D => {
      const own = this.#lengths.map((length) => {
        const start = (length + following) * headDimension;
        return values.subarray(start, start + headDimension);
      });
      const flat = new Float32Array(own.length * headDimension);
      own.forEach((row, index) => flat.set(row, index * headDimension));
      return tf.tensor2d(flat, [own.length, headDimension]);
    };
    return inTidy(() => widenRotary(text, 1, { cosine: rows(all.cosine), sine: rows(all.sine) }));
  }

  #block({ headCount, keyValueHeadCount }: TextConfig): QueryBlock {
    const tokenCount = this.#paddedCount + this.#followingCount;
    const mask = new Float32Array(this.#lengths.length * keyValueHeadCount * tokenCount);
    this.#lengths.forEach((length, example) => {
      for (let head = 0; head < keyValueHeadCount; head += 1) {
        const start = (example * keyValueHeadCount + head) * tokenCount;
        mask.fill(-1e9, start + length, start + this.#paddedCount);
      }
    });
    const shape: [number, number, number] = [this.#lengths.length * keyValueHeadCount, 1, tokenCount];
    return { start: 0, end: headCount / keyValueHeadCount, mask: tf.tensor3d(mask, shape) };
  }

  dispose(): void {
    for (const { key, value } of this.#layers.splice(0)) tf.dispose([key, value]);
  }
}
