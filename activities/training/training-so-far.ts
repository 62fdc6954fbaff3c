// The curves of a training at work, as its heartbeats carry them.
import { thinCurve } from '../../algorithms/thin-curve.ts';
import type { TrainingSoFar } from '../../contracts/messages/run.ts';
import type { StepNumbers } from '../../model/training.ts';

/** Steps that they have at most: 6 kB as JSON. */
const MOST_STEPS = 240;

/** Few steps of all that the checkpoint has: an attempt that goes on from it neither lacks nor doubles one. */
export function trainingSoFar(name: string, done: readonly StepNumbers[]): TrainingSoFar {
  const losses = done.map(({ loss }) => loss);
  const steps = thinCurve(losses, MOST_STEPS);
  return {
    name,
    steps,
    losses: steps.map((step) => short(losses[step]!)),
    learningRates: steps.map((step) => short(done[step]!.learningRate)),
  };
}

function short(value: number): number {
  return Number(value.toPrecision(5));
}
