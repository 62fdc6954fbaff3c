import type { RgbImage } from './image-decode.ts';

/** Fixed-point bits of Pillow's weights. */
const PRECISION_BITS = 22;
const HALF = 1 << (PRECISION_BITS - 1);

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

/**
 * Windows of one axis: centre c = (i + 0.5) · scale, half width support · max(scale, 1), weights divided by their sum and
 * rounded to 22-bit fixed point.
 */
function windows(inputSize: number, outputSize: number, filter: ResizeFilter): Windows {
  const kernel = KERNELS[filter];
  const scale = inputSize / outputSize;
  const filterScale = Math.max(scale, 1);
  const support = kernel.support * filterScale;
  const widest = Math.ceil(support) * 2 + 1;
  const result: Windows = {
    starts: new Int32Array(outputSize),
    counts: new Int32Array(outputSize),
    weights: new Int32Array(outputSize * widest),
    widest,
  };
  const weights = new Float64Array(widest);
  for (let output = 0; output < outputSize; output += 1) {
    const centre = (output + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - support + 0.5));
    const count = Math.min(inputSize, Math.trunc(centre + support + 0.5)) - start;
    let sum = 0;
    for (let index = 0; index < count; index += 1) {
      weights[index] = kernel.weight((index + start - centre + 0.5) / filterScale);
      sum += weights[index]!;
    }
    result.starts[output] = start;
    result.counts[output] = count;
    for (let index = 0; index < count; index += 1) {
      const weight = (weights[index]! / sum) * (1 << PRECISION_BITS);
      result.weights[output * widest + index] = Math.trunc(weight + (weight < 0 ? -0.5 : 0.5));
    }
  }
  return result;
}

/**
 * Pillow's resize, bit for bit: horizontal pass first, bytes between the passes, no pass where the size stays.
 * Cost O(output pixels · window).
 */
export function resizeImage(image: RgbImage, width: number, height: number, filter: ResizeFilter): RgbImage {
  const narrowed = width === image.width ? image : horizontalPass(image, width, filter);
  return height === image.height ? narrowed : verticalPass(narrowed, height, filter);
}

function horizontalPass({ width, height, data }: RgbImage, outputWidth: number, filter: ResizeFilter): RgbImage {
  const { starts, counts, weights, widest } = windows(width, outputWidth, filter);
  const output = new Uint8Array(outputWidth * height * 3);
  let place = 0;
  for (let row = 0; row < height; row += 1) {
    const rowStart = row * width * 3;
    for (let column = 0; column < outputWidth; column += 1) {
      let red = HALF;
      let green = HALF;
      let blue = HALF;
      let source = rowStart + starts[column]! * 3;
      const first = column * widest;
      for (let index = first; index < first + counts[column]!; index += 1) {
        const weight = weights[index]!;
        red += data[source]! * weight;
        green += data[source + 1]! * weight;
        blue += data[source + 2]! * weight;
        source += 3;
      }
      output[place++] = toByte(red);
      output[place++] = toByte(green);
      output[place++] = toByte(blue);
    }
  }
  return { width: outputWidth, height, data: output };
}

function verticalPass({ width, height, data }: RgbImage, outputHeight: number, filter: ResizeFilter): RgbImage {
  const { starts, counts, weights, widest } = windows(height, outputHeight, filter);
  const rowLength = width * 3;
  const output = new Uint8Array(rowLength * outputHeight);
  const sums = new Int32Array(rowLength);
  for (let row = 0; row < outputHeight; row += 1) {
    sums.fill(HALF);
    for (let index = 0; index < counts[row]!; index += 1) {
      const weight = weights[row * widest + index]!;
      const source = (starts[row]! + index) * rowLength;
      for (let column = 0; column < rowLength; column += 1) sums[column]! += data[source + column]! * weight;
    }
    for (let column = 0; column < rowLength; column += 1) output[row * rowLength + column] = toByte(sums[column]!);
  }
  return { width, height: outputHeight, data: output };
}

/** Shift to whole levels, clipped to 0…255. Sums stay below 2³¹: weights sum to 2²², overshoot is small. */
function toByte(sum: number): number {
  const value = sum >> PRECISION_BITS;
  return value < 0 ? 0 : value > 255 ? 255 : value;
}
