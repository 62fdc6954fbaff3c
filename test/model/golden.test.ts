import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EngineName } from '../../contracts/config.ts';
import { readAdapter } from '../../model/adapter-files.ts';
import { gradientLayout } from '../../model/adapter.ts';
import { disposeAdapter, toTensors } from '../../model/tensorflow/adapter-tensors.ts';
import type { AdapterValues } from '../../model/adapter.ts';
import type { Adapter } from '../../model/tensorflow/adapter-tensors.ts';
import { loadEngine } from '../../model/load-engine.ts';
import { exampleGradients } from '../../model/tensorflow/example-gradients.ts';
import type { ExampleScalars } from '../../model/tensorflow/example-gradients.ts';
import { loadModel } from '../../model/tensorflow/load-model.ts';
import type { LoadedModel } from '../../model/tensorflow/load-model.ts';
import type { TokenExample } from '../../model/engine.ts';
import { GOLDEN, expected, goldenExamples, goldenTensor } from './golden.ts';
import { linearLayers } from '../../model/weight-shapes.ts';

const ALL_ROWS = expected.examples.map(({ id }) => id);
const FEW_ROWS = ['ex-000', 'ex-003', 'ex-011', 'ex-two-turns'];

interface Computed {
  scalars: ExampleScalars[];
  gradients: Float32Array[];
}

describe.each<[EngineName, string[]]>([
  ['tensorflow', ALL_ROWS],
  ['wasm', FEW_ROWS],
  ['cpu', FEW_ROWS],
])('golden rows of torch, transformers and peft on %s', (engine, ids) => {
  let tensorsBefore: number;
  let model: LoadedModel;
  let values: AdapterValues;
  let adapter: Adapter;
  let examples: TokenExample[];

  const compute = (batch: TokenExample[], used = adapter): Computed => {
    const { places, length } = gradientLayout(values);
    const gradients = batch.map(() => new Float32Array(length).fill(Number.NaN));
    const scalars = exampleGradients(model, used, places, batch, (example, start, piece) =>
      gradients[example]!.set(piece, start),
    );
    return { scalars, gradients };
  };

  const expectGolden = async ({ scalars, gradients }: Computed): Promise<void> => {
    for (const [index, id] of ids.entries()) {
      const wanted = expected.examples.find((example) => example.id === id)!;
      expect([scalars[index]!.loss], id).toBeAllclose([wanted.loss], { rtol: 1e-5, atol: 0 });
      expect([scalars[index]!.el2n], id).toBeAllclose([wanted.el2n], { rtol: 1e-5, atol: 0 });
      expect(gradients[index]!, id).toBeAllclose(await goldenTensor(`${id}.self_attn_lora_grad`), {
        rtol: 0,
        atol: 1e-4 * wanted.grad_norm,
      });
    }
  };

  /** On wasm each linear weight of the decoder is kept a second time from its first use: 7 a layer and the head. */
  const transposedWeightCount = (): number => 7 * model.config.text.layerCount + 1;

  beforeAll(async () => {
    const loaded = await loadEngine(engine);
    expect(loaded.description.engine).toBe(engine);
    tensorsBefore = tf.memory().numTensors;
    model = await loadModel(`${GOLDEN}/model`);
    values = await readAdapter(`${GOLDEN}/adapter`, linearLayers(model.config.text));
    adapter = toTensors(values);
    examples = await goldenExamples(model, ids);
  });

  afterAll(() => {
    model.weights.dispose();
    disposeAdapter(adapter);
    expect(tf.memory().numTensors).toBe(tensorsBefore);
  });

  test('the gradient vector has the order of peft', () => {
    const names = gradientLayout(values).places.map(({ name }) => `base_model.model.${name}.default.weight`);
    expect(names).toEqual(expected.parameter_order);
  });

  test('loss, EL2N and gradients of one micro-batch are those of torch, and no tensor is left behind', async () => {
    const before = tf.memory().numTensors;
    const computed = compute(examples);
    expect(tf.memory().numTensors).toBe(before + (engine === 'wasm' ? transposedWeightCount() : 0));
    await expectGolden(computed);
    const labels = examples.map((example) => example.labels.filter((label) => label !== -100).length);
    expect(computed.scalars.map(({ supervisedTokenCount }) => supervisedTokenCount)).toEqual(labels);
  });

  test('loss, EL2N and gradients of one row at a time are those of torch, and no tensor is left behind', async () => {
    const before = tf.memory().numTensors;
    const parts = examples.map((example) => compute([example]));
    expect(tf.memory().numTensors).toBe(before);
    await expectGolden({
      scalars: parts.flatMap(({ scalars }) => scalars),
      gradients: parts.flatMap(({ gradients }) => gradients),
    });
  });

  test('so are those of an adapter that is merged with the weights of its layers', async () => {
    const merged = toTensors(values, model.weights);
    await expectGolden(compute(examples, merged));
    disposeAdapter(merged);
  });
});
