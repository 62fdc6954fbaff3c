// AdamW on the host.
import { addSquares } from './squares.ts';
import type { AdamWSettings, AdamWState } from '../engine.ts';

/** Zero moments for the given parameters. */
export function initAdamW(parameters: readonly Float32Array[]): AdamWState {
  const zeros = (): Float32Array[] => parameters.map(({ length }) => new Float32Array(length));
  return { step: 0, first: zeros(), second: zeros() };
}

/**
 * One update, in place: m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², p ← p(1 − ηλ) − η · m̂ / (√v̂ + ε) with bias-corrected
 * m̂, v̂. Computed in float64, stored as float32; the gradients are left as they were.
 */
export function updateAdamW(
  gradients: readonly Float32Array[],
  state: AdamWState,
  parameters: readonly Float32Array[],
  learningRate: number,
  { beta1, beta2, epsilon, weightDecay }: AdamWSettings,
): void {
  state.step += 1;
  const stepSize = learningRate / (1 - beta1 ** state.step);
  const secondCorrection = Math.sqrt(1 - beta2 ** state.step);
  const decay = 1 - learningRate * weightDecay;
  parameters.forEach((values, index) => {
    const gradient = gradients[index]!;
    const first = state.first[index]!;
    const second = state.second[index]!;
    for (let place = 0; place < values.length; place += 1) {
      const slope = gradient[place]!;
      const mean = (first[place] = beta1 * first[place]! + (1 - beta1) * slope);
      const square = (second[place] = beta2 * second[place]! + (1 - beta2) * slope * slope);
      values[place] = values[place]! * decay - (stepSize * mean) / (Math.sqrt(square) / secondCorrection + epsilon);
    }
  });
}

/** √Σ g² over all arrays, summed in float64. */
export function globalNorm(gradients: readonly Float32Array[]): number {
  return Math.sqrt(gradients.reduce(addSquares, 0));
}

/** Scales the gradients in place so that their global norm is at most `maxNorm`, as torch's `clip_grad_norm_` does. */
export function clipGradients(gradients: readonly Float32Array[], norm: number, maxNorm: number): void {
  const factor = maxNorm / (norm + 1e-6);
  if (factor >= 1) return;
  for (const gradient of gradients) for (let place = 0; place < gradient.length; place += 1) gradient[place]! *= factor;
}
