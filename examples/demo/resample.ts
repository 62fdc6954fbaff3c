// Bicubic enlargement of source pictures.

/**
 * A square grey picture in another size by bicubic (Catmull-Rom, a = −0.5) interpolation, separable:
 * out[i] = Σ_k w(|center(i) − k|) · in[k] / Σ_k w, center(i) = (i + ½) · from / to − ½.
 * Weights outside of the picture are left out. For enlarging; when shrinking, the filter would have to be widened.
 *
 * @param pixels uint8 [row, column], side `from`
 * @returns uint8 [row, column], side `to`, rounded and clipped to 0…255
 */
export function enlargeBicubic(pixels: Uint8Array, from: number, to: number): Uint8ClampedArray {
  if (to < from) throw new RangeError(`enlargeBicubic: the new side must be at least ${from}, got ${to}`);
  const weights = cubicWeights(from, to);
  const wide = resizeRows(pixels, weights, from, to); // [row, new column]
  const result = resizeRows(transpose(wide, from, to), weights, from, to); // [new column, new row]
  return new Uint8ClampedArray(transpose(result, to, to)); // rounds and clips
}

/** Weights [new, old]; each row sums to 1. */
function cubicWeights(from: number, to: number): Float64Array[] {
  return Array.from({ length: to }, (_, index) => {
    const center = ((index + 0.5) * from) / to - 0.5;
    const row = Float64Array.from({ length: from }, (_, at) => cubic(Math.abs(center - at)));
    const sum = row.reduce((total, weight) => total + weight, 0);
    return row.map((weight) => weight / sum);
  });
}

function cubic(distance: number): number {
  const a = -0.5;
  if (distance < 1) return (a + 2) * distance ** 3 - (a + 3) * distance ** 2 + 1;
  if (distance < 2) return a * (distance ** 3 - 5 * distance ** 2 + 8 * distance - 4);
  return 0;
}

/** Each row of [row, old] times the transposed weights: [row, new]. */
function resizeRows(pixels: ArrayLike<number>, weights: Float64Array[], from: number, to: number): Float64Array {
  const rowCount = pixels.length / from;
  const result = new Float64Array(rowCount * to);
  for (let row = 0; row < rowCount; row += 1) {
    for (let column = 0; column < to; column += 1) {
      let sum = 0;
      for (let at = 0; at < from; at += 1) sum += weights[column]![at]! * pixels[row * from + at]!;
      result[row * to + column] = sum;
    }
  }
  return result;
}

function transpose(values: Float64Array, rowCount: number, columnCount: number): Float64Array {
  const result = new Float64Array(values.length);
  for (let row = 0; row < rowCount; row += 1) {
    for (let column = 0; column < columnCount; column += 1) {
      result[column * rowCount + row] = values[row * columnCount + column]!;
    }
  }
  return result;
}
