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
  /** Rows of the step whose own loss or gradient is not finite: it was taken without them. Not there: none. */
  leftOut?: number[];
}

/** Numbers of one step that are kept, as the table of a training has them, and what it was taken without. */
export type StepNumbers = Pick<TrainingStep, 'learningRate' | 'loss' | 'gradientNorm' | 'leftOut'>;

/** Loads the rows of one step, in the given order. */
export type ExampleLoader = (rows: Uint32Array) => Promise<ModelExample[]>;

/**
 * Trains from the trainer's step on, yielding after every step (and `null` after each micro-batch inside it, so that a
 * caller can heartbeat). A step's loss is the mean over all answer tokens of its rows. A trainer that was opened with a
 * saved state gives the same bits as one that never stopped.
 *
 * A step that is not finite is taken again without the rows that are not finite alone, where these are half of it at
 * most: what it comes to follows from the state before it, whoever takes it.
 *
 * @param batches rows of each step, in order
 * @param nameOf a row's number for messages
 * @throws NumericalError with the step's number when a loss or gradient norm is not finite
 */
export async function* train(
  trainer: Trainer,
  batches: readonly Uint32Array[],
  settings: TrainingSettings,
  load: ExampleLoader,
  nameOf: (row: number) => number = (row) => row,
): AsyncGenerator<TrainingStep | null, void> {
  for (let { step } = trainer; step < batches.length; step += 1) {
    const examples = await load(batches[step]!);
    const learningRate = learningRateAt(step, batches.length, settings.schedule);
    const taking = { trainer, learningRate, tokenBudget: settings.tokenBudget };
    let taken = yield* takeStep(taking, examples);
    let bad: readonly number[] = [];
    if (!isFinite(taken) && trainer.step === step) {
      bad = yield* badExamples(trainer, examples);
      if (bad.length > 0 && 2 * bad.length <= examples.length)
        taken = yield* takeStep(
          taking,
          examples.filter((_, place) => !bad.includes(place)),
        );
    }
    const leftOut = bad.map((place) => batches[step]![place]!);
    requireFinite(step, taken, leftOut.map(nameOf));
    const found = { step, stepCount: batches.length, learningRate, ...taken };
    yield leftOut.length === 0 ? found : { ...found, leftOut };
  }
}

/** What a step comes to. */
type Taken = Pick<TrainingStep, 'loss' | 'gradientNorm'>;

interface Taking {
  trainer: Trainer;
  learningRate: number;
  tokenBudget: number;
}

async function* takeStep(
  { trainer, learningRate, tokenBudget }: Taking,
  examples: readonly ModelExample[],
): AsyncGenerator<null, Taken> {
  const answerTokens = examples.reduce((sum, example) => sum + answerTokenCountOf(example), 0);
  let loss = 0;
  for (const microBatch of cutByLength(examples, tokenBudget)) {
    loss += await trainer.addMicroBatch(microBatch, 1 / answerTokens);
    yield null;
  }
  return { loss, gradientNorm: await trainer.update(learningRate) };
}

/** Places of the examples whose loss or gradient is not finite alone. */
async function* badExamples(trainer: Trainer, examples: readonly ModelExample[]): AsyncGenerator<null, number[]> {
  const bad: number[] = [];
  for (const [place, example] of examples.entries()) {
    const loss = await trainer.addMicroBatch([example], 1 / answerTokenCountOf(example));
    if (!isFinite({ loss, gradientNorm: await trainer.drop() })) bad.push(place);
    yield null;
  }
  return bad;
}

function isFinite({ loss, gradientNorm }: Taken): boolean {
  return Number.isFinite(loss) && Number.isFinite(gradientNorm);
}

/** Rows that an error names. */
const NAMED_ROWS = 5;

function requireFinite(step: number, taken: Taken, badRows: readonly number[]): void {
  if (isFinite(taken)) return;
  const rows = badRows.slice(0, NAMED_ROWS).join(', ') + (badRows.length > NAMED_ROWS ? ', …' : '');
  const broken = step === 0 ? 'a row of the step or the model itself is broken' : 'lower learning_rate';
  throw new NumericalError(
    `training step ${step}: loss and gradient must be finite, got ${taken.loss} and ${taken.gradientNorm}` +
      (badRows.length === 0 ? '; ' : `, by ${badRows.length} of its rows alone (${rows}); look at these rows, or `) +
      (badRows.length > 0 && step === 0 ? 'at the model, which may be broken' : broken),
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
