// Loss curves of the trainings of a run.
import type { RunResult } from '../../contracts/messages/run.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import type { TrainingCurve } from '../../contracts/summary.ts';
import type { Store } from '../../store/store.ts';
import { trainingTable } from '../../tables/training.ts';

/** Steps that a curve shows. */
const MOST_STEPS = 300;

/** A smoothed loss weighs about a tenth of the training behind it. */
const SMOOTHED_SHARE = 0.1;

/** Losses of the warm-up and of every method's fine-tuning; an adapter that was given has no training. */
export async function readTraining(store: Store, { warmup, methods }: RunResult): Promise<TrainingCurve[]> {
  const trained: [TrainingCurve['method'], ArtifactReference][] = [];
  if (warmup !== null) trained.push([null, warmup.adapter]);
  for (const { method, finetune } of methods) if (finetune !== null) trained.push([method, finetune.adapter]);
  const curves: TrainingCurve[] = [];
  for (const [method, adapter] of trained) {
    const losses = await readLosses(store, adapter);
    if (losses.length > 1) curves.push(curveOf(method, losses));
  }
  return curves;
}

async function readLosses(store: Store, adapter: ArtifactReference): Promise<number[]> {
  const losses: number[] = [];
  for await (const { loss } of trainingTable.readIfThere(store, adapter)) for (const one of loss) losses.push(one);
  return losses;
}

/** Smoothed: m ← m + α (loss − m), α = 1 / max(1, share · steps), from the first loss. */
function curveOf(method: TrainingCurve['method'], losses: readonly number[]): TrainingCurve {
  const alpha = 1 / Math.max(1, SMOOTHED_SHARE * losses.length);
  let mean = losses[0]!;
  const smoothed = losses.map((loss) => (mean += alpha * (loss - mean)));
  const every = Math.max(1, Math.ceil(losses.length / MOST_STEPS));
  const steps = losses.map((_, step) => step).filter((step) => step % every === 0 || step === losses.length - 1);
  const pick = (values: readonly number[]): number[] => steps.map((step) => Number(values[step]!.toPrecision(6)));
  return { method, stepCount: losses.length, steps, losses: pick(losses), smoothed: pick(smoothed) };
}
