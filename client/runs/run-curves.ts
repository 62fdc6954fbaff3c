// Losses and learning rates of a run's trainings, step by step.
import type { RunSoFar } from '../../contracts/messages/run.ts';
import type { AdapterResult } from '../../contracts/messages/training.ts';
import { thinCurve } from '../../algorithms/thin-curve.ts';
import { openStore } from '../../store/open-store.ts';
import { trainingTable } from '../../tables/training.ts';

/** A training: of the warm-up, or of a method's fine-tuning. */
export interface RunCurve {
  name: string;
  steps: number[];
  losses: number[];
  learningRates: number[];
}

/** A run that has ended, or what one at work has found. */
export type Trained = Pick<RunSoFar, 'config' | 'warmup' | 'methods'>;

/** Steps that a curve has at most. */
const MOST_STEPS = 600;

/** `warmup`, then the methods; an adapter that was given has no training. */
export async function readCurves({ warmup, methods, config }: Trained): Promise<RunCurve[]> {
  const store = openStore(config.store.uri);
  const trained: [string, AdapterResult | null][] = [
    ['warmup', warmup],
    ...methods.map(({ method, finetune }): [string, AdapterResult | null] => [method, finetune]),
  ];
  const curves: RunCurve[] = [];
  for (const [name, adapter] of trained) {
    if (adapter === null) continue;
    const whole: RunCurve = { name, steps: [], losses: [], learningRates: [] };
    for await (const { step, loss, learningRate } of trainingTable.readIfThere(store, adapter.adapter)) {
      whole.steps.push(...step);
      whole.losses.push(...loss);
      whole.learningRates.push(...learningRate);
    }
    if (whole.steps.length > 0) curves.push(thinned(whole));
  }
  return curves;
}

function thinned({ name, steps, losses, learningRates }: RunCurve): RunCurve {
  const places = thinCurve(losses, MOST_STEPS);
  const kept = (values: readonly number[]): number[] => places.map((place) => values[place]!);
  return { name, steps: kept(steps), losses: kept(losses), learningRates: kept(learningRates) };
}
