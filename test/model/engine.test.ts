import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createProjector } from '../../algorithms/projection.ts';
import { gradientLayout } from '../../model/adapter.ts';
import type { AdapterValues } from '../../model/adapter.ts';
import { readAdapter } from '../../model/adapter-files.ts';
import { ADAMW_DEFAULTS } from '../../model/engine.ts';
import type { Engine, EngineModel, TokenExample } from '../../model/engine.ts';
import { loadEngine } from '../../model/load-engine.ts';
import { SCALED, momentsFor, slowlyScaled } from './adam-reference.ts';
import { GOLDEN, expected, goldenIntegers, goldenPixels, goldenRows, goldenTensor } from './golden.ts';

const IDS = ['ex-000', 'ex-003', 'ex-011'];

let engine: Engine;
let model: EngineModel;
let adapter: AdapterValues;
let examples: TokenExample[];

beforeAll(async () => {
  engine = await loadEngine('tensorflow');
  model = await engine.loadModel(`${GOLDEN}/model`);
  adapter = await readAdapter(`${GOLDEN}/adapter`, model.decoder.layers);
  const pictures = model.openPictures!(async (id) => (await goldenPixels(id))[0]!);
  const withPicture = IDS.filter((id) => goldenRows.find((row) => row.id === id)?.image !== undefined);
  const scope = { id: 'golden', images: withPicture };
  examples = [];
  for (const id of IDS) {
    const features = await pictures.get(scope, withPicture.includes(id) ? [id] : []);
    examples.push({ ids: goldenIntegers(`${id}.input_ids`), labels: goldenIntegers(`${id}.labels`), features });
  }
});
afterAll(() => model.dispose());

describe('an engine, seen through the seam alone', () => {
  test('gives the losses, norms, EL2N and gradients of torch, projected', async () => {
    const { length: parameterCount } = gradientLayout(adapter);
    const computer = model.openGradients(adapter, { kind: 'sparse', sketch: 64, seed: 7 });
    const found = await computer.compute(examples);
    computer.dispose();
    const wanted = IDS.map((id) => expected.examples.find((example) => example.id === id)!);
    const tolerance = { rtol: 1e-5, atol: 1e-7 };
    expect(found.loss).toBeAllclose(
      wanted.map(({ loss }) => loss),
      tolerance,
    );
    expect(found.gradientNorm).toBeAllclose(
      wanted.map(({ grad_norm: norm }) => norm),
      tolerance,
    );
    expect(found.el2n).toBeAllclose(
      wanted.map(({ el2n }) => el2n),
      tolerance,
    );
    const projector = createProjector({ kind: 'sparse', sketch: 64, seed: 7, parameterCount });
    for (const [row, id] of IDS.entries()) {
      const sums = new Float64Array(64);
      projector.add(0, await goldenTensor(`${id}.self_attn_lora_grad`), sums, 0);
      const norm = Math.hypot(...sums);
      expect(found.sketch.subarray(row * 64, (row + 1) * 64)).toBeAllclose(sums, { rtol: 0, atol: 1e-5 * norm });
    }
  });

  test('gives whole gradients where none are projected', async () => {
    const { length: parameterCount } = gradientLayout(adapter);
    const computer = model.openGradients(adapter, { kind: 'none', sketch: 64, seed: 7 });
    expect(computer.sketch).toBe(parameterCount);
    const { sketch, gradientNorm } = await computer.compute(examples.slice(0, 1));
    computer.dispose();
    expect(Math.hypot(...sketch)).toBeCloseTo(gradientNorm[0]!, 4);
  });

  describe('with moments of Adam', () => {
    const none = { kind: 'none', sketch: 1, seed: 0 } as const;

    test('scales each gradient as the formula says, to within SCALED of torch’s, and leaves all else as it is', async () => {
      const moments = momentsFor(adapter, 1e-2);
      const [plain, scaling] = [model.openGradients(adapter, none), model.openGradients(adapter, none, moments)];
      const { sketch, ...rest } = await plain.compute(examples);
      const found = await scaling.compute(examples);
      expect({ ...found, sketch }).toEqual({ ...rest, sketch });
      for (const [row, id] of IDS.entries()) {
        const rowOf = (values: Float32Array) => values.subarray(row * plain.sketch, (row + 1) * plain.sketch);
        const own = slowlyScaled(rowOf(sketch), adapter, moments);
        expect(rowOf(found.sketch)).toBeAllclose(own, { rtol: 1e-7, atol: 0 });
        const golden = slowlyScaled(await goldenTensor(`${id}.self_attn_lora_grad`), adapter, moments);
        expect(rowOf(found.sketch)).toBeAllclose(golden, { rtol: 0, atol: SCALED });
      }
      for (const computer of [plain, scaling]) computer.dispose();
    });

    test('projects what was scaled', async () => {
      const { length: parameterCount } = gradientLayout(adapter);
      const moments = momentsFor(adapter, 1e-2);
      const whole = model.openGradients(adapter, none, moments);
      const { sketch: scaled } = await whole.compute(examples);
      for (const kind of ['sparse', 'rademacher'] as const) {
        const projected = model.openGradients(adapter, { kind, sketch: 64, seed: 7 }, moments);
        const { sketch } = await projected.compute(examples);
        const projector = createProjector({ kind, sketch: 64, seed: 7, parameterCount });
        for (const row of IDS.keys()) {
          const sums = new Float64Array(64);
          projector.add(0, scaled.subarray(row * parameterCount, (row + 1) * parameterCount), sums, 0);
          expect(sketch.subarray(row * 64, (row + 1) * 64)).toBeAllclose(sums, { rtol: 1e-6, atol: 1e-6 });
        }
        projected.dispose();
      }
      whole.dispose();
    });

    test('refuses a projection that never forms gradients', () => {
      const moments = momentsFor(adapter, 1);
      expect(() => model.openGradients(adapter, { kind: 'kron', sketch: 64, seed: 7 }, moments)).toThrow(
        'gradients.preconditioner: adam needs whole gradients, which projection kron never forms; set projection: sparse',
      );
    });
  });

  test('goes on from a state that was saved with the same bits', async () => {
    const rate = 2e-3;
    const settings = { adamW: ADAMW_DEFAULTS, maxGradientNorm: 1 };
    const trainer = model.openTraining(adapter, settings, null);
    expect(trainer.step).toBe(0);
    expect(await trainer.addMicroBatch(examples, 0.1)).toBeGreaterThan(0);
    expect(await trainer.update(rate)).toBeGreaterThan(0);
    expect(trainer.step).toBe(1);
    const saved = structuredClone(await trainer.state());
    const other = model.openTraining(adapter, settings, saved);
    for (const one of [trainer, other]) {
      await one.addMicroBatch(examples, 0.1);
      await one.update(rate);
    }
    expect(await other.state()).toEqual(await trainer.state());
    for (const one of [trainer, other]) one.dispose();
  });

  test('updates nothing by a gradient that is not finite', async () => {
    const broken = {
      ...adapter,
      parameters: adapter.parameters.map((one) => ({ ...one, values: one.values.map(() => NaN) })),
    };
    const trainer = model.openTraining(broken, { adamW: ADAMW_DEFAULTS, maxGradientNorm: 1 }, null);
    await trainer.addMicroBatch(examples, 1);
    expect(await trainer.update(1e-3)).toBeNaN();
    expect(trainer.step).toBe(0);
    trainer.dispose();
  });

  test('scores a model with and without an adapter, and leaves no tensor behind', async () => {
    const before = tf.memory().numTensors;
    const scores: number[][] = [];
    for (const values of [null, adapter]) {
      const scorer = model.openScoring(values);
      const outcomes = await scorer.score(examples);
      expect(outcomes.every(({ correct }) => typeof correct === 'boolean')).toBe(true);
      scores.push(outcomes.map(({ loss }) => loss));
      scorer.dispose();
    }
    expect(scores[1]).toBeAllclose(
      IDS.map((id) => expected.examples.find((example) => example.id === id)!.loss),
      { rtol: 1e-5, atol: 0 },
    );
    expect(scores[0]).not.toEqual(scores[1]);
    expect(tf.memory().numTensors).toBe(before);
  });

  test('describes itself by all that can change bits', () => {
    expect(Object.keys(engine.description).sort()).toEqual(
      ['device', 'engine', 'instructionSet', 'libraryVersion', 'oneDnn', 'tf32'].sort(),
    );
    expect(engine).toMatchObject({
      description: { engine: 'tensorflow', device: 'cpu', tf32: false },
      fallbackReason: null,
    });
  });
});
