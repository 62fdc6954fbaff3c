import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NumericalError } from '../../contracts/failures.ts';
import { readAdapter } from '../../model/adapter-files.ts';
import type { AdapterValues } from '../../model/adapter.ts';
import { loadEngine } from '../../model/load-engine.ts';
import { loadModel } from '../../model/tensorflow/load-model.ts';
import type { LoadedModel } from '../../model/tensorflow/load-model.ts';
import { ADAMW_DEFAULTS } from '../../model/engine.ts';
import type { TokenExample, OptimizerSettings, TrainingState } from '../../model/engine.ts';
import { adapterGradient } from '../../model/tensorflow/adapter-gradient.ts';
import { initAdamW } from '../../model/tensorflow/adamw.ts';
import { hostTrainer } from '../../model/tensorflow/host-trainer.ts';
import type { MicroBatchGradient } from '../../model/tensorflow/host-trainer.ts';
import { train } from '../../model/training.ts';
import type { TrainingSettings, TrainingStep } from '../../model/training.ts';
import { GOLDEN, expected, goldenExamples, goldenRows } from './golden.ts';
import { linearLayers } from '../../model/weight-shapes.ts';

/** As the golden script trains. */
const SETTINGS: TrainingSettings = {
  schedule: { kind: 'cosine', learningRate: 2e-3, warmupFraction: 0 },
  tokenBudget: 200,
};
const OPTIMIZER: OptimizerSettings = { adamW: { ...ADAMW_DEFAULTS, weightDecay: 0.01 }, maxGradientNorm: 1 };
const BATCHES = expected.train_steps.map(({ ids }) =>
  Uint32Array.from(ids, (id) => goldenRows.findIndex((row) => row.id === id)),
);

let model: LoadedModel;
let values: AdapterValues;
let examples: TokenExample[];

beforeAll(async () => {
  await loadEngine('tensorflow');
  model = await loadModel(`${GOLDEN}/model`);
  values = await readAdapter(`${GOLDEN}/adapter`, linearLayers(model.config.text));
  examples = await goldenExamples(
    model,
    goldenRows.map(({ id }) => id),
  );
});
afterAll(() => model.weights.dispose());

const load = (rows: Uint32Array): Promise<TokenExample[]> => Promise.resolve(Array.from(rows, (row) => examples[row]!));
const initial = (): Float32Array[] => values.parameters.map((parameter) => parameter.values);

/** All steps of a run with the states after them, and how many micro-batches it had. */
async function run(
  gradient: MicroBatchGradient,
  resumed: TrainingState | null = null,
  settings = SETTINGS,
): Promise<{ steps: TrainingStep[]; states: TrainingState[]; microBatchCount: number; final: TrainingState }> {
  const steps: TrainingStep[] = [];
  const states: TrainingState[] = [];
  let microBatchCount = 0;
  const trainer = hostTrainer(initial(), gradient, OPTIMIZER, resumed);
  for await (const step of train(trainer, BATCHES, settings, load)) {
    if (step === null) microBatchCount += 1;
    else {
      steps.push(step);
      states.push(structuredClone(await trainer.state()));
    }
  }
  return { steps, states, microBatchCount, final: await trainer.state() };
}

describe('five steps of AdamW on the adapter, as torch and peft take them', () => {
  let whole: Awaited<ReturnType<typeof run>>;
  beforeAll(async () => {
    whole = await run(adapterGradient(model, values));
  });

  test('every step has the loss, gradient norm and learning rate of torch', () => {
    const { steps } = whole;
    const wanted = expected.train_steps;
    const tolerance = { rtol: 1e-4, atol: 0 };
    expect(steps.map(({ step, stepCount }) => [step, stepCount])).toEqual(wanted.map((_, step) => [step, 5]));
    expect(steps.map(({ loss }) => loss)).toBeAllclose(
      wanted.map(({ loss }) => loss),
      tolerance,
    );
    expect(steps.map(({ gradientNorm }) => gradientNorm)).toBeAllclose(
      wanted.map(({ grad_norm: norm }) => norm),
      tolerance,
    );
    expect(steps.map(({ learningRate }) => learningRate)).toBeAllclose(
      wanted.map(({ learning_rate: rate }) => rate),
      tolerance,
    );
  });

  test('the adapter afterwards is that of peft, on all seven targets', async () => {
    const golden = await readAdapter(`${GOLDEN}/adapter-after-5-steps`, linearLayers(model.config.text));
    expect(golden.settings.targets).toHaveLength(7);
    golden.parameters.forEach((parameter, index) => {
      expect(values.parameters[index]!.name).toBe(parameter.name);
      expect(whole.final.parameters[index]!, parameter.name).toBeAllclose(parameter.values, { rtol: 0, atol: 1e-4 });
    });
  });

  test('the steps moved the adapter much further than the tolerance', () => {
    const moves = whole.final.parameters.flatMap((after, index) =>
      Array.from(after, (value, place) => Math.abs(value - initial()[index]![place]!)),
    );
    expect(moves.reduce((sum, move) => sum + move, 0) / moves.length).toBeGreaterThan(1e-3);
  });

  test('a run resumed after the second step ends in the same bits', async () => {
    const { steps, final } = await run(adapterGradient(model, values), structuredClone(whole.states[1]!));
    expect(steps.map(({ step }) => step)).toEqual([2, 3, 4]);
    expect(final).toEqual(whole.final);
  });

  test('a finished run resumed has nothing to do', async () => {
    const { steps, final } = await run(adapterGradient(model, values), whole.final);
    expect(steps).toEqual([]);
    expect(final).toEqual(whole.final);
  });

  test('smaller micro-batches give the same steps up to rounding', async () => {
    const single = await run(adapterGradient(model, values), null, { ...SETTINGS, tokenBudget: 1 });
    expect(whole.microBatchCount).toBeLessThan(15);
    expect(single.microBatchCount).toBe(15);
    expect(single.steps.map(({ loss }) => loss)).toBeAllclose(
      whole.steps.map(({ loss }) => loss),
      { rtol: 1e-5, atol: 0 },
    );
  });

  test('the initial parameters stay as they were and a gradient leaves no tensor behind', async () => {
    const read = await readAdapter(`${GOLDEN}/adapter`, linearLayers(model.config.text));
    expect(values.parameters).toEqual(read.parameters);
    const before = tf.memory().numTensors;
    adapterGradient(model, values)([examples[0]!, examples[11]!], 0.1, initial());
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('a step that is not finite', () => {
  const zeros = (parameters: readonly Float32Array[]): Float32Array[] =>
    parameters.map(({ length }) => new Float32Array(length));

  test('stops the run at a loss of NaN, with the step', async () => {
    let calls = 0;
    const gradient: MicroBatchGradient = (_, __, parameters) => ({
      loss: (calls += 1) > 3 ? Number.NaN : 1,
      gradients: zeros(parameters),
    });
    const failed = run(gradient, null, { ...SETTINGS, tokenBudget: 1 });
    await expect(failed).rejects.toThrow(NumericalError);
    await expect(failed).rejects.toThrow(
      'training step 1: loss and gradient must be finite, got NaN and 0; lower learning_rate',
    );
  });

  test('stops the run at an infinite gradient', async () => {
    const gradient: MicroBatchGradient = (_, __, parameters) => {
      const gradients = zeros(parameters);
      gradients[3]![5] = Infinity;
      return { loss: 1, gradients };
    };
    await expect(run(gradient)).rejects.toThrow(/training step 0: .* got \d+ and Infinity/);
  });

  describe('by rows that are not finite alone', () => {
    /** A real gradient, but for micro-batches with one of these rows. */
    const brokenAt = (rows: readonly number[], broken = NaN): MicroBatchGradient => {
      const real = adapterGradient(model, values);
      return (given, weight, parameters) => {
        const found = real(given, weight, parameters);
        if (!rows.some((row) => given.includes(examples[row]!))) return found;
        found.gradients[2]![1] = broken;
        return { loss: Number.isNaN(broken) ? NaN : found.loss, gradients: found.gradients };
      };
    };
    const bad = BATCHES[1]![0]!;

    test.each([NaN, Infinity])('is taken without them, as if they had not been there (%d)', async (broken) => {
      const { steps, final, states } = await run(brokenAt([bad], broken));
      const places = BATCHES.map((rows) => rows.filter((row) => row !== bad));
      expect(steps.map(({ leftOut }) => leftOut)).toEqual(
        BATCHES.map((rows) => (rows.includes(bad) ? [bad] : undefined)),
      );
      const without: TrainingState[] = [];
      const trainer = hostTrainer(initial(), adapterGradient(model, values), OPTIMIZER, null);
      for await (const step of train(trainer, places, SETTINGS, load))
        if (step !== null) without.push(structuredClone(await trainer.state()));
      expect(states).toEqual(without);
      const resumed = await run(brokenAt([bad], broken), structuredClone(states[0]!));
      expect(resumed.final).toEqual(final);
      expect(resumed.steps).toEqual(steps.slice(1));
    });

    test('ends the run where they are more than half of it, and names them', async () => {
      const rows = BATCHES[0]!.slice(0, Math.floor(BATCHES[0]!.length / 2) + 1);
      const trainer = hostTrainer(initial(), brokenAt([...rows]), OPTIMIZER, null);
      const all = async (): Promise<void> => {
        for await (const step of train(trainer, BATCHES, SETTINGS, load, (row) => 100 + row)) void step;
      };
      const named = Array.from(rows, (row) => 100 + row).join(', ');
      await expect(all()).rejects.toThrow(
        `training step 0: loss and gradient must be finite, got NaN and NaN, by ${rows.length} of its rows alone (${named}); ` +
          'look at these rows, or at the model, which may be broken',
      );
    });
  });

  test('stops the run when the model itself gives NaN', async () => {
    const parameters = initial().map((array) => array.map(() => NaN));
    const failed = run(adapterGradient(model, values), { parameters, optimizer: initAdamW(parameters) });
    await expect(failed).rejects.toThrow(NumericalError);
  });
});
