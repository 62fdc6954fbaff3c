// Loss curves of the trainings of a run.
import type { RunResult } from '../../contracts/messages/run.ts';
import type { AdapterResult } from '../../contracts/messages/training.ts';
import type { TrainingCurve } from '../../contracts/summary.ts';
import type { Store } from '../../store/store.ts';
import { trainingTable } from '../../tables/training.ts';

/** Steps that a curve shows. */
const MOST_STEPS = 300;

/** A smoothed loss weighs about a tenth of the training behind it. */
const SMOOTHED_SHARE = 0.1;

/** Losses of the warm-up and of every method's fine-tuning; an adapter that was given has no training. */
export async function readTraining(store: Store, { warmup, methods }: RunResult): Promise<TrainingCurve[]> {
  const trained: [TrainingCurve['method'], AdapterResult][] = [];
  if (warmup !== null) trained.push([null, warmup]);
  for (const { method, finetune } of methods) if (finetune !== null) trained.push([method, finetune]);
  const curves: TrainingCurve[] = [];
  for (const [method, { adapter, schedule = null }] of trained) {
    const losses = await readLosses(store, adapter);
    if (losses.length > 0) curves.push({ method, schedule, ...curveOf(losses) });
  }
  return curves;
}

async function readLosses(store: Store, adapter: AdapterResult['adapter']): Promise<number[]> {
  const losses: number[] = [];
  for await (const { loss } of trainingTable.readIfThere(store, adapter)) for (const one of loss) losses.push(one);
  return losses;
}

/** Smoothed: m ← m + α (loss − m), α = 1 / max(1, share · steps), from the first loss. */
function curveOf(losses: readonly number[]): Omit<TrainingCurve, 'method' | 'schedule'> {
  const alpha = 1 / Math.max(1, SMOOTHED_SHARE * losses.length);
  let mean = losses[0]!;
  const smoothed = losses.map((loss) => (mean += alpha * (loss - mean)));
  const every = Math.max(1, Math.ceil(losses.length / MOST_STEPS));
  const steps = losses.map((_, step) => step).filter((step) => step % every === 0 || step === losses.length - 1);
  const pick = (values: readonly number[]): number[] => steps.map((step) => Number(values[step]!.toPrecision(6)));
  return { stepCount: losses.length, steps, losses: pick(losses), smoothed: pick(smoothed) };
}
