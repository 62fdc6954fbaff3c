/** Settings of AdamW (arXiv:1711.05101); defaults of torch but for the weight decay. */
export interface AdamWSettings {
  beta1: number;
  beta2: number;
  epsilon: number;
  /** Decoupled: parameters shrink by learningRate · weightDecay in each step. */
  weightDecay: number;
}

export const ADAMW_DEFAULTS: AdamWSettings = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 };

/** Moments of every parameter array, float32: with the parameters, the exact state of the optimiser. */
export interface AdamWState {
  /** Updates done. */
  step: number;
  first: Float32Array[];
  second: Float32Array[];
}

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

/** What the learning rate does over the steps. */
export interface LearningRateSchedule {
  kind: 'cosine' | 'constant';
  /** Peak. */
  learningRate: number;
  /** Share of the steps over which it rises linearly. */
  warmupFraction: number;
}

/**
 * Learning rate of step k (0-based) of n: rises as (k + 1)/w over the first w = ⌈warmupFraction · n⌉ steps, then
 * η/2 · (1 + cos(π (k − w)/(n − w))) or η.
 * Differs: the first step of the Hugging Face schedule has rate 0 and does nothing; ours starts at η/w.
 */
export function learningRateAt(
  step: number,
  stepCount: number,
  { kind, learningRate, warmupFraction }: LearningRateSchedule,
): number {
  const rising = Math.ceil(warmupFraction * stepCount);
  if (step < rising) return (learningRate * (step + 1)) / rising;
  if (kind === 'constant') return learningRate;
  return (learningRate / 2) * (1 + Math.cos((Math.PI * (step - rising)) / Math.max(1, stepCount - rising)));
}
