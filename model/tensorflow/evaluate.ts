// Scores of a micro-batch in one forward pass.
import * as tf from '@tensorflow/tfjs';
import type { Adapter } from './adapter-tensors.ts';
import type { TokenExample, Outcome } from '../engine.ts';
import { answerLoss } from './answer-loss.ts';
import { Decoder } from './decoder.ts';
import { meanByExample } from './example-gradients.ts';
import type { LoadedModel } from './load-model.ts';
import { batchShape, embedExamples, pictureTensor, supervisedPositions } from './micro-batch.ts';

/** Scores a micro-batch in one teacher-forced pass; `adapter` null scores the base model. */
export function scoreExamples(
  { weights, config }: LoadedModel,
  adapter: Adapter | null,
  examples: readonly TokenExample[],
): Outcome[] {
  const shape = batchShape(examples);
  const positions = supervisedPositions(examples, shape.tokenCount);
  const decoder = new Decoder(weights, config.text, adapter);
  const hidden = tf.tidy(() =>
    decoder.forward(
      embedExamples(weights, config, examples, shape, pictureTensor(examples, config.text.hiddenSize)),
      shape,
      positions.rows,
    ),
  );
  const { loss } = answerLoss(weights, decoder, hidden, positions, null);
  hidden.dispose();
  const wrong = new Set<number>();
  positions.examples.forEach((example, position) => {
    if (loss.correct[position] === 0) wrong.add(example);
  });
  const means = meanByExample(loss.crossEntropy, loss.error, positions.examples, positions.counts);
  return means.map((mean, example) => ({ loss: mean.loss, correct: !wrong.has(example) }));
}
