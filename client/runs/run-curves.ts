// Losses and learning rates of a run's trainings, step by step.
import type { RunResult } from '../../contracts/messages/run.ts';
import type { AdapterResult } from '../../contracts/messages/training.ts';
import { openStore } from '../../store/open-store.ts';
import { trainingTable } from '../../tables/training.ts';

/** A training that was done: of the warm-up, or of a method's fine-tuning. */
export interface RunCurve {
  name: string;
  steps: number[];
  losses: number[];
  learningRates: number[];
}

/** Steps that a curve has at most, the last one among them. */
const MOST_STEPS = 600;

/** `warmup`, then the methods; an adapter that was given has no training. */
export async function readCurves({ warmup, methods, config }: RunResult): Promise<RunCurve[]> {
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
  const every = Math.max(1, Math.ceil(steps.length / MOST_STEPS));
  const isKept = (_: number, place: number): boolean => place % every === 0 || place === steps.length - 1;
  return {
    name,
    steps: steps.filter(isKept),
    losses: losses.filter(isKept),
    learningRates: learningRates.filter(isKept),
  };
}
