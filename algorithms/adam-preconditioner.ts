// Gradients of single rows as Adam would scale them.

/** Moments of the training that ended in the reference model, for every coordinate of the gradient vector. */
export interface GradientMoments {
  beta1: number;
  beta2: number;
  /** `[parameter]` m, running mean of gradients. */
  first: Float32Array;
  /** `[parameter]` v, running mean of squared gradients, ≥ 0. */
  second: Float32Array;
}

/** Stands under the root, and so is no `epsilon` of AdamW, which stands beside it. */
const EPSILON = 1e-8;

/**
 * (β₁m + (1−β₁)g) / √(β₂v + (1−β₂)g² + 1e-8), coordinate by coordinate: the step that Adam would take by the row alone.
 * Computed in float64, rounded to float32. Not linear in g, so it comes before any projection.
 *
 * Differs from Adam, as LESS does: no bias correction, and the small constant stands under the root.
 *
 * @param values g of coordinates [start, start + values.length), which stay as they are.
 * @see arXiv:2402.04333, github.com/princeton-nlp/LESS `obtain_gradients_with_adam`
 */
export function adamDirection(
  values: Float32Array,
  start: number,
  { beta1, beta2, first, second }: GradientMoments,
): Float32Array {
  const scaled = new Float32Array(values.length);
  for (let place = 0; place < values.length; place += 1) {
    const slope = values[place]!;
    const mean = beta1 * first[start + place]! + (1 - beta1) * slope;
    const square = beta2 * second[start + place]! + (1 - beta2) * slope * slope;
    scaled[place] = mean / Math.sqrt(square + EPSILON);
  }
  return scaled;
}
