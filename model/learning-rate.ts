// What the learning rate is in each step of a training.
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
