// Gradient of a micro-batch for a LoRA adapter's parameters.
import * as tf from '@tensorflow/tfjs';
import type { AdapterValues } from '../adapter.ts';
import type { TokenExample } from '../engine.ts';
import { disposeAdapter, toGraphTensors, toTensors } from './adapter-tensors.ts';
import type { Adapter } from './adapter-tensors.ts';
import { answerLoss, answerTensors } from './answer-loss.ts';
import { batchGraph, runBatch, takesGraph } from './batch-graph.ts';
import { Decoder } from './decoder.ts';
import type { LoraSink } from './decoder.ts';
import type { Graph } from './graphs/graph.ts';
import type { MicroBatchGradient } from './host-trainer.ts';
import type { LoadedModel } from './load-model.ts';
import { recomputation } from './recomputation.ts';
import type { Recomputation } from './recomputation.ts';
import { batchShape, embedExamples, pictureTensor, supervisedPositions } from './micro-batch.ts';

/** Gradient of a LoRA adapter's parameters, in the order of `values.parameters`; everything else is frozen. */
export function adapterGradient(model: LoadedModel, values: AdapterValues): MicroBatchGradient {
  const places = new Map(values.parameters.map(({ name }, index) => [name, index]));
  const recomputed = recomputation(model, values, null);
  return (examples, weight, parameters) => {
    const current = {
      ...values,
      parameters: values.parameters.map((parameter, index) => ({ ...parameter, values: parameters[index]! })),
    };
    const gradients = graphGradients(model, current, examples, weight);
    if (gradients !== null) return gradients;
    const adapter = toTensors(current, model.weights);
    const found = new Map<number, Float32Array>();
    const take = (name: string, left: tf.Tensor2D, right: tf.Tensor2D): void => {
      const product = tf.matMul(left, right, true, false);
      found.set(places.get(name)!, product.dataSync<'float32'>());
      product.dispose();
    };
    const sink: LoraSink = {
      wants: () => true,
      take: (path, { x, h, dh, dy }) => {
        take(`${path}.lora_A`, dh, x);
        take(`${path}.lora_B`, dy, h);
      },
    };
    const loss = summedLoss(model, adapter, examples, weight, sink, recomputed);
    disposeAdapter(adapter);
    return { loss, gradients: parameters.map(({ length }, index) => found.get(index) ?? new Float32Array(length)) };
  };
}

/** The same by a graph; null for a micro-batch that takes none. */
function graphGradients(
  model: LoadedModel,
  values: AdapterValues,
  examples: readonly TokenExample[],
  weight: number,
): ReturnType<MicroBatchGradient> | null {
  const shape = batchShape(examples);
  const positions = supervisedPositions(examples, shape.tokenCount);
  const adapter = toGraphTensors(values);
  try {
    const count = positions.rows.length;
    if (!takesGraph(model, adapter, shape, count)) return null;
    const weights = new Float32Array(count).fill(weight);
    const found = runBatch(trainingGraph(model, adapter), model, adapter, examples, shape, positions, weights);
    const loss = weighted(found['crossEntropy'] as Float32Array, weight);
    return { loss, gradients: values.parameters.map(({ name }) => found[name] as Float32Array) };
  } finally {
    disposeAdapter(adapter);
  }
}

/** The gradient of every parameter by its name, beside the cross-entropy of each position. */
function trainingGraph(model: LoadedModel, adapter: Adapter): Graph {
  return batchGraph('training', model, adapter, ({ decoder, shape, embedded, tables, ...given }) => {
    const { hidden, backward } = decoder.forwardForGradients(embedded, shape, given.wanted, 0, tables);
    const { crossEntropy, dHidden } = answerTensors(model.weights, decoder, hidden, given.targets, given.weight);
    const gradients: Record<string, tf.Tensor> = {};
    backward(dHidden, {
      wants: () => true,
      take: (path, { x, h, dh, dy }) => {
        gradients[`${path}.lora_A`] = tf.keep(tf.matMul(dh, x, true, false));
        gradients[`${path}.lora_B`] = tf.keep(tf.matMul(dy, h, true, false));
      },
    });
    return { crossEntropy, ...gradients };
  });
}

function summedLoss(
  { weights, config }: LoadedModel,
  adapter: Adapter,
  examples: readonly TokenExample[],
  weight: number,
  sink: LoraSink,
  recomputed: Recomputation,
): number {
  const shape = batchShape(examples);
  const positions = supervisedPositions(examples, shape.tokenCount);
  const decoder = new Decoder(weights, config.text, adapter);
  const embedded = tf.tidy(() =>
    embedExamples(weights, config, examples, shape, pictureTensor(examples, config.text.hiddenSize)),
  );
  const { hidden, backward } = decoder.forwardForGradients(
    embedded,
    shape,
    positions.rows,
    recomputed(shape, positions),
  );
  const { loss, dHidden } = answerLoss(
    weights,
    decoder,
    hidden,
    positions,
    new Float32Array(positions.rows.length).fill(weight),
  );
  backward(dHidden!, sink);
  tf.dispose([embedded, dHidden!]);
  return weighted(loss.crossEntropy, weight);
}

function weighted(losses: Float32Array, weight: number): number {
  return losses.reduce((sum, value) => sum + value * weight, 0);
}
