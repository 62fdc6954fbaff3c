// AdamW on the host.
import type { AdamWSettings, AdamWState } from '../engine.ts';

/** Zero moments for the given parameters. */
export function initAdamW(parameters: readonly Float32Array[]): AdamWState {
  const zeros = (): Float32Array[] => parameters.map(({ length }) => new Float32Array(length));
  return { step: 0, first: zeros(), second: zeros() };
}

/**
 * One update: m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², p ← p(1 − ηλ) − η · m̂ / (√v̂ + ε) with bias-corrected m̂, v̂.
 * Computed in float64, stored as float32; the arguments are left as they were.
 */
export function updateAdamW(
  gradients: readonly Float32Array[],
  state: AdamWState,
  parameters: readonly Float32Array[],
  learningRate: number,
  { beta1, beta2, epsilon, weightDecay }: AdamWSettings,
): { parameters: Float32Array[]; state: AdamWState } {
  const step = state.step + 1;
  const stepSize = learningRate / (1 - beta1 ** step);
  const secondCorrection = Math.sqrt(1 - beta2 ** step);
  const decay = 1 - learningRate * weightDecay;
  const next = {
    parameters: [] as Float32Array[],
    state: { step, first: [] as Float32Array[], second: [] as Float32Array[] },
  };
  parameters.forEach((before, index) => {
    const gradient = gradients[index]!;
    const after = new Float32Array(before.length);
    const first = Float32Array.from(state.first[index]!);
    const second = Float32Array.from(state.second[index]!);
    for (let place = 0; place < before.length; place += 1) {
      const slope = gradient[place]!;
      const mean = (first[place] = beta1 * first[place]! + (1 - beta1) * slope);
      const square = (second[place] = beta2 * second[place]! + (1 - beta2) * slope * slope);
      after[place] = before[place]! * decay - (stepSize * mean) / (Math.sqrt(square) / secondCorrection + epsilon);
    }
    next.parameters.push(after);
    next.state.first.push(first);
    next.state.second.push(second);
  });
  return next;
}

/** √Σ g² over all arrays, summed in float64. */
export function globalNorm(gradients: readonly Float32Array[]): number {
  let sum = 0;
  for (const gradient of gradients) for (const value of gradient) sum += value * value;
  return Math.sqrt(sum);
}

/** Scales the gradients in place so that their global norm is at most `maxNorm`, as torch's `clip_grad_norm_` does. */
export function clipGradients(gradients: readonly Float32Array[], norm: number, maxNorm: number): void {
  const factor = maxNorm / (norm + 1e-6);
  if (factor >= 1) return;
  for (const gradient of gradients) for (let place = 0; place < gradient.length; place += 1) gradient[place]! *= factor;
}
