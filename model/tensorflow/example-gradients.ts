// Gradients of every example of a micro-batch in one backward pass.
import * as tf from '@tensorflow/tfjs';
import type { ParameterPlace } from '../adapter.ts';
import type { Adapter } from './adapter-tensors.ts';
import { answerLoss, answerTensors } from './answer-loss.ts';
import { batchGraph, runBatch, takesGraph } from './batch-graph.ts';
import type { LoraSink } from './decoder.ts';
import { Decoder } from './decoder.ts';
import type { Graph } from './graphs/graph.ts';
import type { LoadedModel } from './load-model.ts';
import { batchShape, embedExamples, pictureTensor, supervisedPositions } from './micro-batch.ts';
import type { BatchShape } from './micro-batch.ts';
import type { TokenExample } from '../engine.ts';
import { NO_RECOMPUTATION } from './recomputation.ts';
import type { Recomputation } from './recomputation.ts';

/** What receives a piece of one example's gradient vector: consecutive coordinates from `start`. */
export type GradientReceiver = (example: number, start: number, values: Float32Array) => void;

/** Scalars of one example at the reference model. */
export interface ExampleScalars {
  /** Mean cross-entropy over the supervised tokens, in nats; summed in float64. */
  loss: number;
  supervisedTokenCount: number;
  /** Mean ‖softmax − onehot‖₂ over the supervised tokens. */
  el2n: number;
}

/**
 * Loss, EL2N and the gradient of every example of a micro-batch with respect to its LoRA parameters, in one forward and
 * one backward pass.
 *
 * The sum over examples of each one's own mean loss is differentiated; every adapted layer hands its pieces to a sink
 * that forms dA_j = dh_jᵀ x_j and dB_j = dy_jᵀ h_j for each example j, so the summed gradient is never formed and the
 * whole vectors `[example, parameter]` never exist at once: `receive` gets them piece by piece, last layer first.
 *
 * @param places the gradient vector's layout (`gradientLayout`): parameters without a place are not computed
 * @param recomputed layers whose forward pass is done twice, to keep less; the bits are the same
 * @see arXiv:2403.09559
 */
export function exampleGradients(
  model: LoadedModel,
  adapter: Adapter,
  places: readonly ParameterPlace[],
  examples: readonly TokenExample[],
  receive: GradientReceiver,
  recomputed: Recomputation = NO_RECOMPUTATION,
): ExampleScalars[] {
  const { weights, config } = model;
  const shape = batchShape(examples);
  const positions = supervisedPositions(examples, shape.tokenCount);
  const weight = Float32Array.from(positions.examples, (example) => 1 / positions.counts[example]!);
  if (takesGraph(model, adapter, shape, positions.rows.length)) {
    const graph = gradientsGraph(model, adapter, places);
    const found = runBatch(graph, model, adapter, examples, shape, positions, weight);
    for (const { name, start } of places) deliver(found[name] as Float32Array, start, shape.exampleCount, receive);
    const [crossEntropy, error] = [found['crossEntropy'] as Float32Array, found['error'] as Float32Array];
    return meanByExample(crossEntropy, error, positions.examples, positions.counts);
  }
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
  const { loss, dHidden } = answerLoss(weights, decoder, hidden, positions, weight);
  backward(dHidden!, perExampleSink(shape, places, receive));
  tf.dispose([embedded, dHidden!]);
  return meanByExample(loss.crossEntropy, loss.error, positions.examples, positions.counts);
}

/** The same as one graph: each place's products `[example, …]` by its name, beside loss and error of each position. */
function gradientsGraph(model: LoadedModel, adapter: Adapter, places: readonly ParameterPlace[]): Graph {
  const named = new Set(places.map(({ name }) => name));
  const key = places.map(({ name }) => name).join('\n');
  return batchGraph(`gradients\n${key}`, model, adapter, ({ decoder, shape, embedded, tables, ...given }) => {
    const { hidden, backward } = decoder.forwardForGradients(embedded, shape, given.wanted, 0, tables);
    const { crossEntropy, error, dHidden } = answerTensors(model.weights, decoder, hidden, given.targets, given.weight);
    const products: Record<string, tf.Tensor> = {};
    backward(dHidden, {
      wants: (path) => named.has(`${path}.lora_A`),
      take: (path, { x, h, dh, dy }) => {
        products[`${path}.lora_A`] = tf.keep(productsOf(dh, x, shape));
        products[`${path}.lora_B`] = tf.keep(productsOf(dy, h, shape));
      },
    });
    return { crossEntropy, error, ...products };
  });
}

/** leftᵀ right of each example. */
function productsOf(left: tf.Tensor2D, right: tf.Tensor2D, shape: BatchShape): tf.Tensor3D {
  return tf.tidy(() => tf.matMul(byExample(left, shape), byExample(right, shape), true, false));
}

function deliver(values: Float32Array, start: number, exampleCount: number, receive: GradientReceiver): void {
  const length = values.length / exampleCount;
  for (let example = 0; example < exampleCount; example += 1)
    receive(example, start, values.subarray(example * length, (example + 1) * length));
}

function perExampleSink(shape: BatchShape, places: readonly ParameterPlace[], receive: GradientReceiver): LoraSink {
  const starts = new Map(places.map(({ name, start }) => [name, start]));
  const form = (start: number, left: tf.Tensor2D, right: tf.Tensor2D): void => {
    const product = productsOf(left, right, shape);
    // Outside of the tidy, which would walk through every value of what its function returns.
    const values = product.dataSync<'float32'>();
    product.dispose();
    deliver(values, start, shape.exampleCount, receive);
  };
  return {
    wants: (path) => starts.has(`${path}.lora_A`),
    take: (path, { x, h, dh, dy }) => {
      form(starts.get(`${path}.lora_A`)!, dh, x);
      form(starts.get(`${path}.lora_B`)!, dy, h);
    },
  };
}

/** `[example · token, width]` → `[example, token, width]` */
function byExample(rows: tf.Tensor2D, { exampleCount, tokenCount }: BatchShape): tf.Tensor3D {
  return tf.reshape(rows, [exampleCount, tokenCount, rows.shape[1]]);
}

/** Float64 means over each example's positions; NaN for an example without any. */
export function meanByExample(
  crossEntropy: Float32Array,
  error: Float32Array,
  owners: Int32Array,
  counts: Int32Array,
): ExampleScalars[] {
  const sums = Array.from(counts, (supervisedTokenCount) => ({ loss: 0, supervisedTokenCount, el2n: 0 }));
  owners.forEach((example, position) => {
    sums[example]!.loss += crossEntropy[position]!;
    sums[example]!.el2n += error[position]!;
  });
  for (const sum of sums) {
    sum.loss /= sum.supervisedTokenCount;
    sum.el2n /= sum.supervisedTokenCount;
  }
  return sums;
}
