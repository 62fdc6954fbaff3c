// A training whose parameters and moments lie on the host; the engine computes gradients alone.
import type { OptimizerSettings, TokenExample, Trainer, TrainingState } from '../engine.ts';
import { tokenExamples } from './micro-batch.ts';
import { clipGradients, globalNorm, initAdamW, updateAdamW } from './adamw.ts';

/** Sum over a micro-batch of weighted cross-entropies, and its gradient by parameter array, which the caller owns. */
export type MicroBatchGradient = (
  examples: readonly TokenExample[],
  weight: number,
  parameters: readonly Float32Array[],
) => { loss: number; gradients: Float32Array[] };

/**
 * @param initial parameter arrays, which stay as they are
 * @param resumed where an earlier process was; from there on every bit is as if it had never stopped
 */
export function hostTrainer(
  initial: readonly Float32Array[],
  gradient: MicroBatchGradient,
  { adamW, maxGradientNorm }: OptimizerSettings,
  resumed: TrainingState | null,
): Trainer {
  // Of its own, since it is changed in place.
  const state: TrainingState = copyOf(resumed ?? { parameters: [...initial], optimizer: initAdamW(initial) });
  let sums: Float32Array[] | null = null;
  const noGradient = (): Float32Array[] => state.parameters.map(({ length }) => new Float32Array(length));
  const addMicroBatch = (examples: readonly TokenExample[], weight: number): number => {
    const part = gradient(examples, weight, state.parameters);
    if (sums === null) sums = part.gradients;
    else for (const [index, values] of part.gradients.entries()) addInto(sums[index]!, values);
    return part.loss;
  };
  const update = (learningRate: number): number => {
    const gradients = sums ?? noGradient();
    sums = null;
    const norm = globalNorm(gradients);
    if (!Number.isFinite(norm)) return norm;
    clipGradients(gradients, norm, maxGradientNorm);
    updateAdamW(gradients, state.optimizer, state.parameters, learningRate, adamW);
    return norm;
  };
  const drop = (): number => {
    const norm = globalNorm(sums ?? noGradient());
    sums = null;
    return norm;
  };
  return {
    get step() {
      return state.optimizer.step;
    },
    addMicroBatch: (examples, weight) => Promise.resolve(addMicroBatch(tokenExamples(examples), weight)),
    update: (learningRate) => Promise.resolve(update(learningRate)),
    drop: () => Promise.resolve(drop()),
    state: () => Promise.resolve(state),
    dispose: () => undefined,
  };
}

function copyOf({ parameters, optimizer: { step, first, second } }: TrainingState): TrainingState {
  const copies = (arrays: readonly Float32Array[]): Float32Array[] => arrays.map((values) => values.slice());
  return { parameters: copies(parameters), optimizer: { step, first: copies(first), second: copies(second) } };
}

function addInto(sum: Float32Array, values: Float32Array): void {
  for (let place = 0; place < sum.length; place += 1) sum[place]! += values[place]!;
}
