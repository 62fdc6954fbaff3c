// Scores of a micro-batch in one forward pass.
import * as tf from '@tensorflow/tfjs';
import type { Adapter } from './adapter-tensors.ts';
import { lastAnswer } from '../engine.ts';
import type { TokenExample, Outcome } from '../engine.ts';
import { answerLoss, answerTensors } from './answer-loss.ts';
import type { AnswerLoss } from './answer-loss.ts';
import { batchGraph, runBatch, takesGraph } from './batch-graph.ts';
import { Decoder } from './decoder.ts';
import { meanByExample } from './example-gradients.ts';
import type { LoadedModel } from './load-model.ts';
import { batchShape, embedExamples, pictureTensor, supervisedPositions } from './micro-batch.ts';
import type { BatchShape, SupervisedPositions } from './micro-batch.ts';

/** Scores a micro-batch in one teacher-forced pass; `adapter` null scores the base model. */
export function scoreExamples(
  model: LoadedModel,
  adapter: Adapter | null,
  examples: readonly TokenExample[],
): Outcome[] {
  const shape = batchShape(examples);
  const positions = supervisedPositions(examples, shape.tokenCount);
  const loss = takesGraph(model, adapter, shape, positions.rows.length)
    ? graphLoss(model, adapter, examples, shape, positions)
    : plainLoss(model, adapter, examples, shape, positions);
  const wrong = new Set<number>();
  positions.examples.forEach((example, position) => {
    if (loss.correct[position] === 0) wrong.add(example);
  });
  const means = meanByExample(loss.crossEntropy, loss.error, positions.examples, positions.counts);
  return means.map((mean, example) => {
    const { start, end } = lastAnswer(examples[example]!.labels);
    return { loss: mean.loss, correct: !wrong.has(example), lastAnswerTokenCount: end - start };
  });
}

type ScoredBatch = [
  model: LoadedModel,
  adapter: Adapter | null,
  examples: readonly TokenExample[],
  shape: BatchShape,
  positions: SupervisedPositions,
];

function plainLoss(...[{ weights, config }, adapter, examples, shape, positions]: ScoredBatch): AnswerLoss {
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
  return loss;
}

function graphLoss(...[model, adapter, examples, shape, positions]: ScoredBatch): AnswerLoss {
  const graph = batchGraph('scores', model, adapter, ({ decoder, embedded, tables, ...given }) => {
    const hidden = decoder.forward(embedded, given.shape, given.wanted, tables);
    const { crossEntropy, error, correct } = answerTensors(model.weights, decoder, hidden, given.targets, given.weight);
    return { crossEntropy, error, correct };
  });
  const noWeight = new Float32Array(positions.rows.length);
  const found = runBatch(graph, model, adapter, examples, shape, positions, noWeight);
  return {
    crossEntropy: found['crossEntropy'] as Float32Array,
    error: found['error'] as Float32Array,
    correct: found['correct'] as Uint8Array,
  };
}
