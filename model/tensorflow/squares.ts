// Sums of squares of many values.

/**
 * `sum` + Σ value², in float64 by ascending place. By places, since a loop over the values themselves takes several
 * times as long as the sums.
 */
export function addSquares(sum: number, values: Float32Array): number {
  let total = sum;
  for (let place = 0; place < values.length; place += 1) total += values[place]! * values[place]!;
  return total;
}
