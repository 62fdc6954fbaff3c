// The loop of a training: what each step takes, in which micro-batches, at which rate.
import { NumericalError } from '../contracts/failures.ts';
import { answerTokenCountOf, tokenCountOf } from './engine.ts';
import type { ModelExample, Trainer } from './engine.ts';
import { learningRateAt } from './learning-rate.ts';
import type { LearningRateSchedule } from './learning-rate.ts';

/** How a training goes through its rows. */
export interface TrainingSettings {
  schedule: LearningRateSchedule;
  /** Padded tokens of one micro-batch: a step's rows are sorted by length and cut by it. */
  tokenBudget: number;
}

/** One finished step. */
export interface TrainingStep {
  /** 0-based. */
  step: number;
  stepCount: number;
  learningRate: number;
  /** Mean cross-entropy over the answer tokens of the step's rows, in nats. */
  loss: number;
  /** Global norm before clipping. */
  gradientNorm: number;
}

/** Numbers of one step that are kept, as the table of a training has them. */
export type StepNumbers = Pick<TrainingStep, 'learningRate' | 'loss' | 'gradientNorm'>;

/** Loads the rows of one step, in the given order. */
export type ExampleLoader = (rows: Uint32Array) => Promise<ModelExample[]>;

/**
 * Trains from the trainer's step on, yielding after every step (and `null` after each micro-batch inside it, so that a
 * caller can heartbeat). A step's loss is the mean over all answer tokens of its rows. A trainer that was opened with a
 * saved state gives the same bits as one that never stopped.
 *
 * @param batches rows of each step, in order
 * @throws NumericalError with the step's number when a loss or gradient norm is not finite
 */
export async function* train(
  trainer: Trainer,
  batches: readonly Uint32Array[],
  settings: TrainingSettings,
  load: ExampleLoader,
): AsyncGenerator<TrainingStep | null, void> {
  for (let { step } = trainer; step < batches.length; step += 1) {
    const examples = await load(batches[step]!);
    const answerTokens = examples.reduce((sum, example) => sum + answerTokenCountOf(example), 0);
    let loss = 0;
    for (const microBatch of cutByLength(examples, settings.tokenBudget)) {
      loss += await trainer.addMicroBatch(microBatch, 1 / answerTokens);
      yield null;
    }
    const learningRate = learningRateAt(step, batches.length, settings.schedule);
    const gradientNorm = await trainer.update(learningRate);
    requireFinite(step, loss, gradientNorm);
    yield { step, stepCount: batches.length, learningRate, loss, gradientNorm };
  }
}

function requireFinite(step: number, loss: number, gradientNorm: number): void {
  if (Number.isFinite(loss) && Number.isFinite(gradientNorm)) return;
  throw new NumericalError(
    `training step ${step}: loss and gradient must be finite, got ${loss} and ${gradientNorm}; ` +
      (step === 0 ? 'a row of the step or the model itself is broken' : 'lower learning_rate'),
  );
}

/** Stably sorted by length, then cut so that rows × longest ≤ tokenBudget, at least one row each. */
function cutByLength(examples: readonly ModelExample[], tokenBudget: number): ModelExample[][] {
  const sorted = [...examples].sort((left, right) => tokenCountOf(left) - tokenCountOf(right));
  const parts: ModelExample[][] = [];
  for (const example of sorted) {
    const last = parts.at(-1);
    if (last !== undefined && (last.length + 1) * tokenCountOf(example) <= tokenBudget) last.push(example);
    else parts.push([example]);
  }
  return parts;
}
