// Sums of vectors in fixed point: exact, so free of the order of adding.

/**
 * Units of the fixed-point sums: a component x in [−1, 1] is added as the integer Math.round(x · 2^30).
 *
 * Sums are integers in float64, so adding is exact and its order free while every |x| ≤ 1 and at most 2^23 vectors are
 * added. The rounding error of a component is at most 2^-31 of the largest one.
 */
export const FIXED_POINT = 2 ** 30;

/** Rows up to which fixed-point sums of components in [−1, 1] stay exact in float64: 2^53/2^30. */
export const LARGEST_VECTOR_COUNT = 2 ** 23;

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
