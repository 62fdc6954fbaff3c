// Training of all weights, as the demo model is pretrained.
import * as tf from '@tensorflow/tfjs';
import { headName } from './answer-loss.ts';
import { Decoder } from './decoder.ts';
import type { LoadedModel } from './load-model.ts';
import { batchShape, embedExamples, supervisedPositions } from './micro-batch.ts';
import type { TokenExample } from '../engine.ts';
import type { MicroBatchGradient } from './host-trainer.ts';
import { encodeImages } from './vision-tower.ts';

/** An example with pixels instead of picture vectors: in full training the vision tower learns as well. */
export interface PixelExample extends TokenExample {
  /** `[3, imageSize, imageSize]` of each picture. */
  pixels: Float32Array[];
}

/** Whether an example carries pixels. */
function hasPixels(example: TokenExample): example is PixelExample {
  return 'pixels' in example;
}

/**
 * Gradient of all weights, in the order of `weights.names`, by automatic differentiation through the plain forward
 * pass. The model's weights must be variables (`tf.variable`); each call first sets them to `parameters`.
 */
export function fullGradient(model: LoadedModel): MicroBatchGradient {
  const { weights } = model;
  const variables = weights.names.map((name) => weights.get<tf.Variable>(name));
  return (examples, weight, parameters) => {
    assignVariables(variables, parameters);
    const result = tf.variableGrads(() => weightedLoss(model, examples, weight), variables);
    const loss = result.value.dataSync()[0]!;
    const gradients = variables.map((variable) => result.grads[variable.name]!.dataSync<'float32'>());
    tf.dispose([result.value, ...Object.values(result.grads)]);
    return { loss, gradients };
  };
}

/** Writes values into the variables, in order. */
export function assignVariables(variables: readonly tf.Variable[], values: readonly Float32Array[]): void {
  variables.forEach((variable, index) => {
    const tensor = tf.tensor(values[index]!, variable.shape, 'float32');
    variable.assign(tensor);
    tensor.dispose();
  });
}

function weightedLoss(model: LoadedModel, examples: readonly TokenExample[], weight: number): tf.Scalar {
  const { weights, config } = model;
  const shape = batchShape(examples);
  const positions = supervisedPositions(examples, shape.tokenCount);
  const pixels = examples.flatMap((example) => (hasPixels(example) ? example.pixels : []));
  const vectors = pixels.length === 0 ? null : encodeImages(model, pixels);
  const decoder = new Decoder(weights, config.text, null);
  const hidden = decoder.forward(embedExamples(weights, config, examples, shape, vectors), shape, positions.rows);
  const { normed } = decoder.finalNorm(hidden);
  const logProbability = tf.logSoftmax(weights.linear(normed, headName(weights)));
  const target = tf.oneHot(tf.tensor1d(positions.targets, 'int32'), logProbability.shape[1]!);
  return tf.mul(tf.sum(tf.mul(logProbability, target)), -weight);
}
