/** Units of the fixed-point sums: a component x in [−1, 1] is added as the integer Math.round(x · 2^30). */
export const FIXED_POINT = 2 ** 30;

/** Rows up to which fixed-point sums of components in [−1, 1] stay exact in float64: 2^53/2^30. */
export const LARGEST_VECTOR_COUNT = 2 ** 23;

/**
 * Adds one vector to fixed-point sums: sums[c] += Math.round(vector[c] · scale).
 *
 * The sums are integers in float64, so adding is exact and its order free while every |vector · scale| ≤ 2^30 and at
 * most 2^23 vectors are added. The rounding error of a component is at most 2^-31 of the largest one.
 *
 * @param sums [task, sketch], changed in place from `sumStart`.
 * @param vectors [example, sketch], read from `vectorStart`.
 * @param scale 2^30 divided by the bound of |vector|.
 */
export function addFixedPoint(
  sums: Float64Array,
  sumStart: number,
  vectors: Float32Array,
  vectorStart: number,
  length: number,
  scale: number,
): void {
  for (let index = 0; index < length; index += 1) {
    // Math.floor(x + 0.5) is Math.round(x) for every x in range but 0.5 − 2^-54, and runs five times as fast.
    sums[sumStart + index]! += Math.floor(vectors[vectorStart + index]! * scale + 0.5);
  }
}

/**
 * What {@link addFixedPoint} adds for each component: units[place] = Math.round(components[place] · scale).
 *
 * @param units [place], filled.
 */
export function fillFixedPoint(units: Float64Array, components: Float64Array, scale: number): void {
  for (let place = 0; place < units.length; place += 1) units[place] = Math.floor(components[place]! * scale + 0.5);
}

/** Adds the sums of another accumulator: exact, so any order of merging gives the same bits. */
export function mergeFixedPoint(into: Float64Array, from: Float64Array): void {
  for (let index = 0; index < into.length; index += 1) into[index]! += from[index]!;
}

/**
 * The least power of two that is at least a magnitude, so that dividing by it gives numbers in [−1, 1] without
 * rounding; 1 for magnitude 0.
 */
export function powerOfTwoBound(magnitude: number): number {
  if (magnitude === 0) return 1;
  let bound = 1;
  while (bound < magnitude) bound *= 2;
  while (bound / 2 >= magnitude) bound /= 2;
  return bound;
}
