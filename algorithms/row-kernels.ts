// Sums and products over rows of the gradient table, in WebAssembly.
import { ROW_KERNELS_CODE } from './row-kernels-code.ts';
import { moduleInstances } from './web-assembly.ts';

/** What row-kernels.wat exports; addresses in bytes. */
interface Kernels {
  memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  decode(codes: number, row: number, end: number, scale: number): void;
  largest(row: number, end: number): number;
  squares(row: number, end: number): number;
  add(row: number, end: number, sumA: number, scaleA: number, sumB: number, scaleB: number): void;
  products(row: number, end: number, meanA: number, meanB: number, out: number): void;
}

const PAGE_BYTES = 65_536;
const LARGEST_MEMORY_BYTES = 2 ** 32;

/** Components handled at a time; a row is padded to a multiple. */
const STEP = 4;

/** Memory begins with three products; the row follows. */
const ROW_ADDRESS = 32;

const instantiate = moduleInstances<Kernels>(ROW_KERNELS_CODE);

/**
 * One gradient row at a time in WebAssembly memory, beside vectors of its width that it is added to or multiplied with.
 * Arithmetic is float64; the order of sums is fixed (row-kernels.wat), so every machine gives the same bits.
 */
export class RowKernels {
  /** [vector, sketch] float64, zeros at first. */
  readonly vectors: Float64Array<ArrayBuffer>;
  readonly #sketch: number;
  readonly #kernels: Kernels;
  readonly #row: Float32Array;
  readonly #codes: Int8Array;
  readonly #products: Float64Array;
  readonly #end: number;

  /**
   * @param vectorCount how many vectors of `sketch` float64 lie beside the row.
   * @throws RangeError where they exceed 4 GiB.
   */
  constructor(sketch: number, vectorCount: number) {
    this.#sketch = sketch;
    const padded = Math.ceil(sketch / STEP) * STEP;
    const codesAddress = ROW_ADDRESS + 4 * padded;
    const vectorsAddress = Math.ceil((codesAddress + padded) / 16) * 16;
    // The last vector's padding lies behind it.
    const byteCount = vectorsAddress + 8 * (vectorCount * sketch + STEP);
    if (byteCount > LARGEST_MEMORY_BYTES) {
      const size = `${vectorCount} vectors of ${sketch}`;
      throw new RangeError(`values: tasks × sketch must fit 4 GiB, got ${size}; use fewer tasks or a smaller sketch`);
    }
    this.#kernels = instantiate();
    this.#kernels.memory.grow(Math.ceil(byteCount / PAGE_BYTES));
    const { buffer } = this.#kernels.memory;
    this.#end = codesAddress;
    this.#products = new Float64Array(buffer, 0, 3);
    this.#row = new Float32Array(buffer, ROW_ADDRESS, sketch);
    this.#codes = new Int8Array(buffer, codesAddress, sketch);
    this.vectors = new Float64Array(buffer, vectorsAddress, vectorCount * sketch);
  }

  /** Takes a row: float32 as it is, codes of {@link encodeInt8} as `decodeInt8` gives them. */
  load(gradient: Float32Array | Int8Array, start: number, scale: number): void {
    const row = gradient.subarray(start, start + this.#sketch);
    if (row instanceof Float32Array) return this.#row.set(row);
    this.#codes.set(row);
    this.#kernels.decode(this.#codes.byteOffset, ROW_ADDRESS, this.#end, scale);
  }

  /** max |z|; NaN is passed over. */
  largest(): number {
    return this.#kernels.largest(ROW_ADDRESS, this.#end);
  }

  /** Σ z². */
  squares(): number {
    return this.#kernels.squares(ROW_ADDRESS, this.#end);
  }

  /**
   * Adds the row to two vectors as fixed-point integers: vector[c] += Math.round(z[c] · scale).
   *
   * Math.floor(x + 0.5) is Math.round(x) for every x in range but 0.5 − 2^-54.
   */
  add(first: number, firstScale: number, second: number, secondScale: number): void {
    this.#kernels.add(ROW_ADDRESS, this.#end, this.#addressOf(first), firstScale, this.#addressOf(second), secondScale);
  }

  /** [Σ z², z · first, z · second], overwritten by the next call. */
  products(first: number, second: number): Float64Array {
    this.#kernels.products(ROW_ADDRESS, this.#end, this.#addressOf(first), this.#addressOf(second), 0);
    return this.#products;
  }

  #addressOf(vector: number): number {
    return this.vectors.byteOffset + 8 * this.#sketch * vector;
  }
}
