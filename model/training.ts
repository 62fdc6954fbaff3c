import * as tf from '@tensorflow/tfjs';
import { NumericalError } from '../contracts/failures.ts';
import { disposeAdapter, toTensors } from './adapter.ts';
import type { Adapter, AdapterValues } from './adapter.ts';
import { answerLoss } from './tensorflow/answer-loss.ts';
import { Decoder } from './tensorflow/decoder.ts';
import type { LoraSink } from './tensorflow/decoder.ts';
import type { LoadedModel } from './tensorflow/load-model.ts';
import {
  IGNORED_LABEL,
  batchShape,
  embedExamples,
  pictureTensor,
  supervisedPositions,
} from './tensorflow/micro-batch.ts';
import type { ModelExample } from './tensorflow/micro-batch.ts';
import { clipGradients, globalNorm, initAdamW, learningRateAt, updateAdamW } from './optimizer.ts';
import type { AdamWSettings, AdamWState, LearningRateSchedule } from './optimizer.ts';

export interface TrainingSettings {
  schedule: LearningRateSchedule;
  adamW: AdamWSettings;
  /** Gradients above this global norm are scaled down to it. */
  maxGradientNorm: number;
  /** Padded tokens of one micro-batch: a step's rows are sorted by length and cut by it. */
  tokenBudget: number;
}

/** Everything that a later process needs to go on exactly: parameters and moments after `optimizer.step` updates. */
export interface TrainingState {
  parameters: Float32Array[];
  optimizer: AdamWState;
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
  state: TrainingState;
}

/** Numbers of one step that are kept, as the table of a training has them. */
export type StepNumbers = Pick<TrainingStep, 'learningRate' | 'loss' | 'gradientNorm'>;

/** Loads the rows of one step, in the given order. */
export type ExampleLoader = (rows: Uint32Array) => Promise<ModelExample[]>;

/** Sum over a micro-batch of weighted cross-entropies, and its gradient for each parameter array. */
export type MicroBatchGradient = (
  examples: ModelExample[],
  weight: number,
  parameters: readonly Float32Array[],
) => { loss: number; gradients: Float32Array[] };

/**
 * Trains by AdamW, yielding after every step (and `null` after each micro-batch inside it, so that a caller can
 * heartbeat). A step's loss is the mean over all answer tokens of its rows. Starting from a yielded state gives the same
 * bits as never having stopped.
 *
 * @param batches rows of each step, in order
 * @throws NumericalError with the step's number when a loss or gradient norm is not finite
 */
export async function* train(
  initial: readonly Float32Array[],
  batches: readonly Uint32Array[],
  settings: TrainingSettings,
  load: ExampleLoader,
  gradient: MicroBatchGradient,
  resumed: TrainingState | null,
): AsyncGenerator<TrainingStep | null, TrainingState> {
  let state: TrainingState = resumed ?? { parameters: [...initial], optimizer: initAdamW(initial) };
  for (let step = state.optimizer.step; step < batches.length; step += 1) {
    const examples = await load(batches[step]!);
    const answerTokens = examples.reduce((sum, { labels }) => sum + answerTokenCount(labels), 0);
    const sums = state.parameters.map(({ length }) => new Float32Array(length));
    let loss = 0;
    for (const microBatch of cutByLength(examples, settings.tokenBudget)) {
      const part = gradient(microBatch, 1 / answerTokens, state.parameters);
      loss += part.loss;
      part.gradients.forEach((values, index) => addInto(sums[index]!, values));
      yield null;
    }
    const gradientNorm = globalNorm(sums);
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) {
      throw new NumericalError(
        `training step ${step}: loss and gradient must be finite, got ${loss} and ${gradientNorm}; ` +
          (step === 0 ? 'a row of the step or the model itself is broken' : 'lower learning_rate'),
      );
    }
    clipGradients(sums, gradientNorm, settings.maxGradientNorm);
    const learningRate = learningRateAt(step, batches.length, settings.schedule);
    const next = updateAdamW(sums, state.optimizer, state.parameters, learningRate, settings.adamW);
    state = { parameters: next.parameters, optimizer: next.state };
    yield { step, stepCount: batches.length, learningRate, loss, gradientNorm, state };
  }
  return state;
}

function answerTokenCount(labels: Int32Array): number {
  let count = 0;
  for (let token = 1; token < labels.length; token += 1) if (labels[token] !== IGNORED_LABEL) count += 1;
  return count;
}

function addInto(sum: Float32Array, values: Float32Array): void {
  for (let place = 0; place < sum.length; place += 1) sum[place]! += values[place]!;
}

/** Stably sorted by length, then cut so that rows × longest ≤ tokenBudget, at least one row each. */
function cutByLength(examples: readonly ModelExample[], tokenBudget: number): ModelExample[][] {
  const sorted = [...examples].sort((left, right) => left.ids.length - right.ids.length);
  const parts: ModelExample[][] = [];
  for (const example of sorted) {
    const last = parts.at(-1);
    if (last !== undefined && (last.length + 1) * example.ids.length <= tokenBudget) last.push(example);
    else parts.push([example]);
  }
  return parts;
}

/** Gradient of a LoRA adapter's parameters, in the order of `values.parameters`; everything else is frozen. */
export function adapterGradient(model: LoadedModel, values: AdapterValues): MicroBatchGradient {
  const places = new Map(values.parameters.map(({ name }, index) => [name, index]));
  return (examples, weight, parameters) => {
    const current = {
      ...values,
      parameters: values.parameters.map((parameter, index) => ({ ...parameter, values: parameters[index]! })),
    };
    const adapter = toTensors(current);
    const gradients: Float32Array[] = parameters.map(({ length }) => new Float32Array(length));
    const sink: LoraSink = (path, { x, h, dh, dy }) => {
      gradients[places.get(`${path}.lora_A`)!] = tf.matMul(dh, x, true, false).dataSync<'float32'>();
      gradients[places.get(`${path}.lora_B`)!] = tf.matMul(dy, h, true, false).dataSync<'float32'>();
    };
    const loss = summedLoss(model, adapter, examples, weight, sink);
    disposeAdapter(adapter);
    return { loss, gradients };
  };
}

function summedLoss(
  { weights, config }: LoadedModel,
  adapter: Adapter,
  examples: ModelExample[],
  weight: number,
  sink: LoraSink,
): number {
  const shape = batchShape(examples);
  const positions = supervisedPositions(examples, shape.tokenCount);
  const decoder = new Decoder(weights, config.text, adapter);
  const embedded = tf.tidy(() =>
    embedExamples(weights, config, examples, shape, pictureTensor(examples, config.text.hiddenSize)),
  );
  const { hidden, backward } = decoder.forwardForGradients(embedded, shape, positions.rows);
  const { loss, dHidden } = answerLoss(
    weights,
    decoder,
    hidden,
    positions,
    new Float32Array(positions.rows.length).fill(weight),
  );
  backward(dHidden!, sink);
  tf.dispose([embedded, dHidden!]);
  return loss.crossEntropy.reduce((sum, value) => sum + value * weight, 0);
}
