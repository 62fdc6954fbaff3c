// Bits of a row's direction: rows that point the same way differ in few of them (SimHash).
import { createRandom } from './random-stream.ts';

/** Bits of a row. */
export const BIT_COUNT = 512;

/**
 * Makes bits of rows of codes: signs of products with random directions, so that two rows differ in a bit with a chance
 * of angle/π. The directions are rows of H·D, H a Hadamard matrix of up to 512 and D random signs; longer rows are
 * folded to 512 with random signs first, shorter ones are multiplied several times. Whole numbers throughout: the same
 * bits on every machine. About 2,500 additions and `sketch` more a row.
 *
 * @see arXiv:1408.3060
 */
export class RowBits {
  readonly #width: number;
  readonly #sums: Int32Array;
  /** [transform, code] +1 or −1. */
  readonly #signs: Int8Array;
  readonly #sketch: number;

  constructor(sketch: number) {
    this.#sketch = sketch;
    this.#width = Math.min(BIT_COUNT, 2 ** Math.ceil(Math.log2(Math.max(2, sketch))));
    this.#sums = new Int32Array(this.#width);
    const random = createRandom('row-bits', 0);
    this.#signs = Int8Array.from({ length: (BIT_COUNT / this.#width) * sketch }, () =>
      random.uniform() < 0.5 ? -1 : 1,
    );
  }

  /** Writes the 64 bytes of one row. */
  write(codes: Int8Array, start: number, bytes: Uint8Array, byteStart: number): void {
    const width = this.#width;
    for (let bit = 0; bit < BIT_COUNT; bit += width) {
      this.#fold(codes, start, (bit / width) * this.#sketch);
      transform(this.#sums);
      for (let place = 0; place < width; place += 8) {
        let byte = 0;
        for (let low = 0; low < 8; low += 1) byte |= (this.#sums[place + low] ?? 0) > 0 ? 1 << low : 0;
        // A row shorter than a byte fills a part of it.
        const at = byteStart + ((bit + place) >> 3);
        bytes[at] = width >= 8 ? byte : bytes[at]! | (byte << (bit & 7));
      }
    }
  }

  #fold(codes: Int8Array, start: number, signStart: number): void {
    const width = this.#width;
    const sketch = this.#sketch;
    const signs = this.#signs;
    const sums = this.#sums;
    sums.fill(0);
    for (let from = 0; from < sketch; from += width) {
      const count = Math.min(width, sketch - from);
      for (let place = 0; place < count; place += 1)
        sums[place]! += signs[signStart + from + place]! * codes[start + from + place]!;
    }
  }
}

/** The Walsh–Hadamard transform in place. */
function transform(values: Int32Array): void {
  for (let half = 1; half < values.length; half *= 2) {
    for (let block = 0; block < values.length; block += 2 * half) {
      for (let place = block; place < block + half; place += 1) {
        const left = values[place]!;
        const right = values[place + half]!;
        values[place] = left + right;
        values[place + half] = left - right;
      }
    }
  }
}
