import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readAdapter } from '../../../model/adapter-files.ts';
import { disposeAdapter, toTensors } from '../../../model/tensorflow/adapter-tensors.ts';
import type { AdapterValues, ParameterPlace } from '../../../model/adapter.ts';
import type { Adapter, LoraPair } from '../../../model/tensorflow/adapter-tensors.ts';
import { headName } from '../../../model/tensorflow/answer-loss.ts';
import { Decoder } from '../../../model/tensorflow/decoder.ts';
import { loadEngine } from '../../../model/load-engine.ts';
import { scoreExamples } from '../../../model/tensorflow/evaluate.ts';
import { exampleGradients } from '../../../model/tensorflow/example-gradients.ts';
import type { GradientReceiver } from '../../../model/tensorflow/example-gradients.ts';
import { fullGradient } from '../../../model/tensorflow/full-training.ts';
import type { PixelExample } from '../../../model/tensorflow/full-training.ts';
import { loadModel } from '../../../model/tensorflow/load-model.ts';
import type { LoadedModel } from '../../../model/tensorflow/load-model.ts';
import {
  batchShape,
  embedExamples,
  pictureTensor,
  supervisedPositions,
} from '../../../model/tensorflow/micro-batch.ts';
import type { TokenExample } from '../../../model/engine.ts';
import { Weights } from '../../../model/tensorflow/weights.ts';
import { GOLDEN, goldenExamples, goldenPixels } from '../golden.ts';
import { linearLayers } from '../../../model/weight-shapes.ts';

let model: LoadedModel;
let values: AdapterValues;
let places: ParameterPlace[];
let parameterCount: number;
let short: TokenExample;
let long: TokenExample;
let plain: TokenExample;

beforeAll(async () => {
  await loadEngine('tensorflow');
  model = await loadModel(`${GOLDEN}/model`);
  values = await readAdapter(`${GOLDEN}/adapter`, linearLayers(model.config.text));
  ({ places, parameterCount } = everyPlace(values));
  [short, long, plain] = (await goldenExamples(model, ['ex-000', 'ex-two-turns', 'ex-011'])) as [
    TokenExample,
    TokenExample,
    TokenExample,
  ];
  expect(short.ids.length).toBeLessThan(long.ids.length);
});
afterAll(() => model.weights.dispose());

/** Places for all the adapter's parameters, those of the MLP too. */
function everyPlace({ parameters }: AdapterValues): { places: ParameterPlace[]; parameterCount: number } {
  let start = 0;
  const all = parameters.map(({ name, shape, values: data }) => {
    const place = { name, shape, start };
    start += data.length;
    return place;
  });
  return { places: all, parameterCount: start };
}

/** Gradients `[example][parameter]` of the code under test. */
function sinkGradients(
  examples: TokenExample[],
  recomputedLayerCount = 0,
  merging: Weights | null = null,
): Float32Array[] {
  const adapter = toTensors(values, merging);
  const gradients = examples.map(() => new Float32Array(parameterCount).fill(Number.NaN));
  const receive: GradientReceiver = (example, start, piece) => gradients[example]!.set(piece, start);
  exampleGradients(model, adapter, places, examples, receive, () => recomputedLayerCount);
  disposeAdapter(adapter);
  return gradients;
}

/** Sum over examples of each one's mean loss, with the adapter moved by `step` along a direction. */
function lossAlong(examples: TokenExample[], direction: Float32Array, step: number): number {
  const parameters = values.parameters.map((parameter, index) => ({
    ...parameter,
    values: parameter.values.map((value, place) => value + step * direction[places[index]!.start + place]!),
  }));
  const adapter = toTensors({ ...values, parameters });
  const loss = scoreExamples(model, adapter, examples).reduce((sum, outcome) => sum + outcome.loss, 0);
  disposeAdapter(adapter);
  return loss;
}

const dot = (left: Float32Array, right: Float32Array): number =>
  left.reduce((sum, value, index) => sum + value * right[index]!, 0);
const largest = (array: Float32Array): number => array.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
const add = (arrays: Float32Array[]): Float32Array =>
  arrays[0]!.map((_, index) => arrays.reduce((sum, array) => sum + array[index]!, 0));

/** Coordinates ±1 by a linear congruential generator: the same ones each time. */
function randomSigns(length: number): Float32Array {
  let state = 12_345;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >= 2 ** 31 ? 1 : -1;
  });
}

/** The same loss of one example by automatic differentiation: adapters as variables, nothing written by hand. */
function plainGradient(example: TokenExample): Float32Array {
  const variables = values.parameters.map(
    ({ shape, values: data }) => tf.variable(tf.tensor2d(data, shape as [number, number])) as tf.Variable<tf.Rank.R2>,
  );
  const byName = new Map(values.parameters.map(({ name }, index) => [name, variables[index]!]));
  const pairs = new Map<string, LoraPair>();
  for (const [path, scale] of values.scales)
    pairs.set(path, { a: byName.get(`${path}.lora_A`)!, b: byName.get(`${path}.lora_B`)!, scale, merged: null });
  const adapter: Adapter = { settings: values.settings, isMerged: false, pairs };
  const { weights, config } = model;
  const result = tf.variableGrads(() => {
    const shape = batchShape([example]);
    const positions = supervisedPositions([example], shape.tokenCount);
    const decoder = new Decoder(weights, config.text, adapter);
    const embedded = embedExamples(weights, config, [example], shape, pictureTensor([example], config.text.hiddenSize));
    const { normed } = decoder.finalNorm(decoder.forward(embedded, shape, positions.rows));
    const logProbability = tf.logSoftmax(weights.linear(normed, headName(weights)));
    const target = tf.oneHot(tf.tensor1d(positions.targets, 'int32'), logProbability.shape[1]!);
    return tf.neg(tf.div(tf.sum(tf.mul(logProbability, target)), positions.rows.length)) as tf.Scalar;
  }, variables);
  const gradient = new Float32Array(parameterCount);
  variables.forEach((variable, index) =>
    gradient.set(result.grads[variable.name]!.dataSync<'float32'>(), places[index]!.start),
  );
  tf.dispose([result.value, ...Object.values(result.grads), ...variables]);
  return gradient;
}

describe('gradients of the adapter', () => {
  test('agree with a central difference along a random direction', () => {
    const examples = [short, plain, long];
    const direction = randomSigns(parameterCount);
    const slope = dot(add(sinkGradients(examples)), direction);
    const step = 3e-4;
    const difference = (lossAlong(examples, direction, step) - lossAlong(examples, direction, -step)) / (2 * step);
    expect([slope]).toBeAllclose([difference], { rtol: 5e-3, atol: 0 });
  });

  test('agree with a central difference along the gradient of each layer and kind of module', () => {
    const gradient = sinkGradients([short])[0]!;
    const groups = [...new Set(places.map(({ name }) => name.replace(/\.lora_[AB]$/, '')))].filter(
      (_, index) => index % 4 === 0,
    );
    for (const group of groups) {
      const direction = new Float32Array(parameterCount);
      for (const { name, start, shape } of places) {
        if (name.startsWith(`${group}.`)) direction.set(gradient.subarray(start, start + shape[0]! * shape[1]!), start);
      }
      const norm = Math.sqrt(dot(direction, direction));
      const unit = direction.map((value) => value / norm);
      const step = 1e-2;
      const difference = (lossAlong([short], unit, step) - lossAlong([short], unit, -step)) / (2 * step);
      expect([norm], group).toBeAllclose([difference], { rtol: 5e-3, atol: 0 });
    }
  });

  test('are those of automatic differentiation, one example at a time', () => {
    const examples = [short, plain, long];
    const gradients = sinkGradients(examples);
    examples.forEach((example, index) => {
      const reference = plainGradient(example);
      expect(gradients[index]!).toBeAllclose(reference, { rtol: 0, atol: 2e-6 * Math.max(1, largest(reference)) });
    });
  });

  test.each(['apart', 'merged'])(
    'have the same bits when layers are computed again in the backward pass, and leave no tensor behind: %s',
    (form) => {
      const merging = form === 'merged' ? model.weights : null;
      const examples = [short, plain, long];
      const kept = sinkGradients(examples, 0, merging);
      const before = tf.memory().numTensors;
      for (const count of [1, 2, model.config.text.layerCount])
        expect(sinkGradients(examples, count, merging)).toEqual(kept);
      expect(tf.memory().numTensors).toBe(before);
    },
  );

  test('are the same where the adapter is merged with the weights of its layers', () => {
    const examples = [short, plain, long];
    const merged = sinkGradients(examples, 0, model.weights);
    for (const [index, gradient] of sinkGradients(examples).entries())
      expect(merged[index]!).toBeAllclose(gradient, { rtol: 0, atol: 2e-6 * Math.max(1, largest(gradient)) });
  });

  test('do not feel the padding behind a row, nor the other rows of the micro-batch', () => {
    const alone = sinkGradients([short])[0]!;
    const together = sinkGradients([short, long])[0]!;
    expect(together).toBeAllclose(alone, { rtol: 0, atol: 2e-6 });
  });

  test('have the same bits when the rows behind are others of the same length', () => {
    const other = {
      ...long,
      ids: long.ids.map((id) => (id === model.config.imageTokenId ? id : (id + 7) % 300 === 4 ? 5 : (id + 7) % 300)),
    };
    expect(sinkGradients([short, other])[0]!).toEqual(sinkGradients([short, long])[0]!);
  });
});

describe('scores', () => {
  test('equal the losses of the gradient pass and leave no tensor behind', () => {
    const adapter = toTensors(values);
    const examples = [short, plain, long];
    const before = tf.memory().numTensors;
    const outcomes = scoreExamples(model, adapter, examples);
    const scalars = exampleGradients(model, adapter, [], examples, () => undefined);
    expect(tf.memory().numTensors).toBe(before);
    expect(outcomes.map(({ loss }) => loss)).toBeAllclose(
      scalars.map(({ loss }) => loss),
      { rtol: 1e-6, atol: 0 },
    );
    expect(outcomes.map(({ correct }) => correct)).toEqual([false, false, false]);
    disposeAdapter(adapter);
  });
});

describe('gradients of all weights', () => {
  test('agree with a central difference along the gradient of weights of each part', async () => {
    const names = model.weights.names;
    const initial = names.map((name) => model.weights.get(name).dataSync<'float32'>().slice());
    const tensors = new Map(
      names.map((name, index) => [
        name,
        tf.variable(tf.tensor(initial[index]!, model.weights.get(name).shape)) as tf.Tensor,
      ]),
    );
    const trained: LoadedModel = { ...model, weights: new Weights(tensors) };
    const gradient = fullGradient(trained);
    const examples: PixelExample[] = [
      { ...short, features: [], pixels: await goldenPixels('ex-000') },
      { ...plain, pixels: [] },
    ];
    const { gradients } = gradient(examples, 0.1, initial);
    const before = tf.memory().numTensors;
    for (const name of [
      'model.vision_tower.embeddings.patch_embedding.weight',
      'model.vision_tower.encoder.layers.1.self_attn.q_proj.weight',
      'model.multi_modal_projector.linear_1.weight',
      'model.language_model.embed_tokens.weight',
      'model.language_model.layers.1.mlp.gate_proj.weight',
      'model.language_model.layers.2.input_layernorm.weight',
      'lm_head.weight',
    ]) {
      const index = names.indexOf(name);
      const slope = gradients[index]!;
      const norm = Math.sqrt(dot(slope, slope));
      const step = 3e-3;
      const lossAt = (distance: number): number =>
        gradient(
          examples,
          0.1,
          initial.with(
            index,
            initial[index]!.map((value, place) => value + (distance * slope[place]!) / norm),
          ),
        ).loss;
      const difference = (lossAt(step) - lossAt(-step)) / (2 * step);
      expect([norm], name).toBeAllclose([difference], { rtol: 5e-3, atol: 0 });
    }
    expect(tf.memory().numTensors).toBe(before);
    trained.weights.dispose();
  });
});
