// Pillow's resizing, bit for bit, in WebAssembly.
import { moduleInstances } from '../../algorithms/web-assembly.ts';
import type { RgbImage } from './image-decode.ts';
import { RESIZE_KERNELS_CODE } from './resize-kernels-code.ts';

/** Fixed-point bits of Pillow's weights, as in resize-kernels.wat. */
const PRECISION_BITS = 22;

/** Pillow's filters that models name. */
export type ResizeFilter = 'bilinear' | 'bicubic' | 'lanczos';

/** Weight by distance, and where it ends. */
const KERNELS: Record<ResizeFilter, { support: number; weight: (distance: number) => number }> = {
  bilinear: { support: 1, weight: (distance) => Math.max(0, 1 - Math.abs(distance)) },
  bicubic: { support: 2, weight: cubic },
  lanczos: { support: 3, weight: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

/** Cubic convolution with a = −0.5. */
function cubic(distance: number): number {
  const x = Math.abs(distance);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  if (x < 2) return ((-0.5 * x + 2.5) * x - 4) * x + 2;
  return 0;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
}

/** The input pixels of each output pixel, and their weights. */
interface Windows {
  starts: Int32Array;
  counts: Int32Array;
  /** `[output, widest]` */
  weights: Int32Array;
  widest: number;
}

/** A part of one axis: outputs [start, end). */
interface Span {
  start: number;
  end: number;
}

/**
 * Windows of one axis: centre c = (i + 0.5) · scale, half width support · max(scale, 1), weights divided by their sum
 * and rounded to 22-bit fixed point. Where the size stays every output is its input.
 */
function windows(inputSize: number, outputSize: number, filter: ResizeFilter, { start, end }: Span): Windows {
  const kernel = KERNELS[filter];
  const scale = inputSize / outputSize;
  const filterScale = Math.max(scale, 1);
  const support = kernel.support * filterScale;
  const widest = inputSize === outputSize ? 1 : Math.ceil(support) * 2 + 1;
  const result: Windows = {
    starts: new Int32Array(end - start),
    counts: new Int32Array(end - start),
    weights: new Int32Array((end - start) * widest),
    widest,
  };
  const weights = new Float64Array(widest);
  for (let output = start; output < end; output += 1) {
    const place = output - start;
    if (inputSize === outputSize) {
      result.starts[place] = output;
      result.counts[place] = 1;
      result.weights[place] = 1 << PRECISION_BITS;
      continue;
    }
    const centre = (output + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const count = Math.min(inputSize, Math.trunc(centre + support + 0.5)) - first;
    let sum = 0;
    for (let index = 0; index < count; index += 1) {
      weights[index] = kernel.weight((index + first - centre + 0.5) / filterScale);
      sum += weights[index]!;
    }
    result.starts[place] = first;
    result.counts[place] = count;
    for (let index = 0; index < count; index += 1) {
      const weight = (weights[index]! / sum) * (1 << PRECISION_BITS);
      result.weights[place * widest + index] = Math.trunc(weight + (weight < 0 ? -0.5 : 0.5));
    }
  }
  return result;
}

/** Part of a resized picture, in pixels. */
export interface ResizedPart {
  left: number;
  top: number;
  width: number;
  height: number;
}

/**
 * Pillow's resize, bit for bit: horizontal pass first, bytes between the passes, no pass where the size stays.
 * Cost O(output pixels · window).
 *
 * @param part what of the result is wanted, within it; all where it is left out
 */
export function resizeImage(
  image: RgbImage,
  width: number,
  height: number,
  filter: ResizeFilter,
  part: ResizedPart = { left: 0, top: 0, width, height },
): RgbImage {
  const isWhole = part.width === width && part.height === height;
  if (isWhole && width === image.width && height === image.height) return image;
  const columns = windows(image.width, width, filter, { start: part.left, end: part.left + part.width });
  const rows = windows(image.height, height, filter, { start: part.top, end: part.top + part.height });
  // Rows that no output row looks at are not narrowed.
  const firstRow = rows.starts[0]!;
  const lastRow = rows.starts.at(-1)! + rows.counts.at(-1)!;
  rows.starts.forEach((start, row) => (rows.starts[row] = start - firstRow));
  const used = image.data.subarray(firstRow * image.width * 3, lastRow * image.width * 3);
  return new Arena().resize({ width: image.width, height: lastRow - firstRow, data: used }, columns, rows);
}

/** What resize-kernels.wat exports; addresses in bytes. */
interface Kernels {
  memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  horizontal(
    source: number,
    width: number,
    height: number,
    target: number,
    count: number,
    ...axis: [starts: number, counts: number, weights: number, widest: number]
  ): void;
  vertical(
    source: number,
    rowBytes: number,
    target: number,
    count: number,
    ...axis: [starts: number, counts: number, weights: number, widest: number]
  ): void;
}

const PAGE_BYTES = 65_536;

/** Kernels read and write so far behind a buffer. */
const SLACK_BYTES = 16;

/** Memory that is kept from one picture to the next; a larger one is given back. */
const KEPT_BYTES = 64 * 1024 * 1024;

let kept: Kernels | null = null;

const instantiate = moduleInstances<Kernels>(RESIZE_KERNELS_CODE);

/** WebAssembly memory for one resize: buffers one after the other. */
class Arena {
  readonly #kernels: Kernels = (kept ??= instantiate());
  #end = 0;

  resize(source: RgbImage, columns: Windows, rows: Windows): RgbImage {
    const [width, height] = [columns.starts.length, rows.starts.length];
    const from = this.#reserve(source.data.length);
    const middle = this.#reserve(source.height * width * 3);
    const to = this.#reserve(height * width * 3);
    const [column, row] = [this.#reserveAxis(columns), this.#reserveAxis(rows)];
    const { memory, horizontal, vertical } = this.#kernels;
    if (memory.buffer.byteLength < this.#end)
      memory.grow(Math.ceil((this.#end - memory.buffer.byteLength) / PAGE_BYTES));
    new Uint8Array(memory.buffer).set(source.data, from);
    this.#write(columns, column);
    this.#write(rows, row);
    horizontal(from, source.width, source.height, middle, width, ...column, columns.widest);
    vertical(middle, width * 3, to, height, ...row, rows.widest);
    const data = new Uint8Array(memory.buffer).slice(to, to + height * width * 3);
    if (memory.buffer.byteLength > KEPT_BYTES) kept = null;
    return { width, height, data };
  }

  #reserve(bytes: number): number {
    const start = this.#end;
    this.#end = Math.ceil((start + bytes + SLACK_BYTES) / SLACK_BYTES) * SLACK_BYTES;
    return start;
  }

  #reserveAxis({ starts, counts, weights }: Windows): [number, number, number] {
    return [this.#reserve(starts.byteLength), this.#reserve(counts.byteLength), this.#reserve(weights.byteLength)];
  }

  #write({ starts, counts, weights }: Windows, [startsAt, countsAt, weightsAt]: [number, number, number]): void {
    const { buffer } = this.#kernels.memory;
    new Int32Array(buffer, startsAt, starts.length).set(starts);
    new Int32Array(buffer, countsAt, counts.length).set(counts);
    new Int32Array(buffer, weightsAt, weights.length).set(weights);
  }
}
