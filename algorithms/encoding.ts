// The int8 encoding of projected gradients.

/** Largest code of the int8 encoding; −128 is not used. */
const LARGEST_CODE = 127;

/** Projected gradients as bytes: value = scale · code. */
export interface EncodedGradients {
  /** [example, sketch] integers in [−127, 127]. */
  codes: Int8Array;
  /** [example] float64, max|z|/127; 0 for a zero row. */
  scales: Float64Array;
}

/**
 * Encodes rows in int8: scale = max|z|/127, code = z/scale rounded half away from zero. A zero row has scale 0, codes
 * 0.
 *
 * The error of a component is at most scale/2.
 *
 * @param gradients [example, sketch] finite float32.
 * @throws RangeError where a component is not finite, or the length is no multiple of the sketch.
 */
export function encodeInt8(gradients: Float32Array, sketch: number): EncodedGradients {
  const rowCount = gradients.length / sketch;
  if (!Number.isInteger(rowCount)) {
    throw new RangeError(`int8 encoding: length must be a multiple of sketch ${sketch}, got ${gradients.length}`);
  }
  const codes = new Int8Array(gradients.length);
  const scales = new Float64Array(rowCount);
  for (let row = 0; row < rowCount; row += 1) {
    const start = row * sketch;
    let largest = 0;
    for (let index = start; index < start + sketch; index += 1) {
      largest = Math.max(largest, Math.abs(gradients[index]!));
    }
    if (!Number.isFinite(largest)) {
      throw new RangeError(`int8 encoding: components must be finite, got ${largest} in row ${row}`);
    }
    if (largest === 0) continue;
    const scale = largest / LARGEST_CODE;
    scales[row] = scale;
    for (let index = start; index < start + sketch; index += 1) {
      const value = gradients[index]! / scale;
      codes[index] = Math.sign(value) * Math.round(Math.abs(value));
    }
  }
  return { codes, scales };
}

/** Decodes rows: z = scale · code, rounded to float32, [example, sketch]. */
export function decodeInt8({ codes, scales }: EncodedGradients, sketch: number): Float32Array {
  const gradients = new Float32Array(codes.length);
  for (let row = 0; row < scales.length; row += 1) {
    const scale = scales[row]!;
    for (let index = row * sketch; index < (row + 1) * sketch; index += 1) gradients[index] = scale * codes[index]!;
  }
  return gradients;
}

/** The largest magnitude of an encoded row: that of code 127, which every row but a zero row has. */
export function largestEncoded(scale: number): number {
  return Math.fround(scale * LARGEST_CODE);
}
