// The torch engine through the seam alone, against what torch computed one example at a time.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createProjector } from '../../../algorithms/projection.ts';
import { decodeImage } from '../../../dataset/images/image-decode.ts';
import type { RgbImage } from '../../../dataset/images/image-decode.ts';
import { createProcessorEncoder } from '../../../dataset/prompts/processor-encoder.ts';
import type { ProcessorEncoder } from '../../../dataset/prompts/processor-encoder.ts';
import { readTokenizer } from '../../../dataset/prompts/tokenizer.ts';
import { isRejection } from '../../../dataset/rows/row-outcome.ts';
import { gradientLayout } from '../../../model/adapter.ts';
import type { AdapterValues } from '../../../model/adapter.ts';
import { readAdapter } from '../../../model/adapter-files.ts';
import { ADAMW_DEFAULTS } from '../../../model/engine.ts';
import type {
  Engine,
  EngineModel,
  ModelDescription,
  Outcome,
  RowExample,
  TextPiece,
  Trainer,
} from '../../../model/engine.ts';
import { loadEngine } from '../../../model/load-engine.ts';
import { engineModel } from '../../../model/tensorflow/engine.ts';
import { loadModel } from '../../../model/tensorflow/load-model.ts';
import { SCALED, momentsFor, slowlyScaled } from '../adam-reference.ts';
import { GOLDEN, expected, goldenExamples, goldenIntegers, goldenRows, goldenTensor } from '../golden.ts';
import { describeTorch } from '../../torch-environment.ts';

const CUTOFF = 512;
/** The golden numbers encode this row's text in pieces, which gives it a token more. */
const IN_PIECES = 'ex-011';

/** The golden labels leave out the space before an answer, which the template's own piece has. */
function withSpaceBefore(pieces: readonly TextPiece[]): TextPiece[] {
  return pieces.map(({ text, supervised }, index) => ({
    text: supervised ? text.replace(/^ /, '') : pieces[index + 1]?.text.startsWith(' ') ? `${text} ` : text,
    supervised,
  }));
}

describeTorch('the torch engine, seen through the seam alone', (python) => {
  let engine: Engine;
  let described: ModelDescription;
  let encoder: ProcessorEncoder;
  let model: EngineModel;
  let adapter: AdapterValues;
  const rows = goldenRows.filter(({ id }) => id !== IN_PIECES);

  beforeAll(async () => {
    process.env['TIVE_PYTHON'] = python;
    engine = await loadEngine('torch', 'float32');
    described = await engine.describeModel(`${GOLDEN}/model`);
    const { texts, encode } = described.processor!;
    const process_ = (sized: Parameters<typeof encode>[0]) =>
      encode(
        sized.map((row) => ({ ...row, pieces: withSpaceBefore(row.pieces) })),
        CUTOFF,
      );
    encoder = createProcessorEncoder({ template: 'vicuna_v1', texts, process: process_ });
    model = await engine.loadModel(`${GOLDEN}/model`);
    adapter = await readAdapter(`${GOLDEN}/adapter`, described.decoder.layers);
  }, 120_000);
  afterAll(() => engine.dispose());

  /** A picture stands before its question, as readers of LLaVA's rows put it. */
  const turnsOf = ({ conversations }: (typeof rows)[number]) =>
    conversations.map(({ from: role, value }) => ({ role, value: value.replace(/^(.*)\n<image>$/s, '<image>\n$1') }));

  const picturesOf = async ({ image }: (typeof rows)[number]): Promise<RgbImage[]> => {
    if (image === undefined) return [];
    const decoded = await decodeImage(readFileSync(`${GOLDEN}/images/${image}`));
    if (isRejection(decoded)) throw new Error(decoded.detail);
    return [decoded];
  };

  /** The golden rows of these names, as the dataset stage and the loader of rows would give them. */
  async function examplesOf(ids: readonly string[]): Promise<RowExample[]> {
    const examples: RowExample[] = [];
    for (const id of ids) {
      const row = rows.find((one) => one.id === id)!;
      const pictures = await picturesOf(row);
      const [pieces] = encoder.writeAll([{ turns: turnsOf(row), imageCount: pictures.length }]);
      if (isRejection(pieces!)) throw new Error(pieces.detail);
      const labels = goldenIntegers(`${id}.labels`);
      const answerTokenCount = labels.subarray(1).filter((label) => label !== -100).length;
      examples.push({
        pieces: withSpaceBefore(pieces!),
        pictures,
        tokenCount: labels.length,
        answerTokenCount,
        cutoffLen: CUTOFF,
      });
    }
    return examples;
  }

  test('knows the layers of a model in the order of peft, without its weights', () => {
    expect(described.decoder.path).toBe('model.language_model');
    expect(adapter.parameters.map(({ name }) => name)).toEqual(
      described.decoder.layers.flatMap(({ path }) => [`${path}.lora_A`, `${path}.lora_B`]),
    );
    expect(engine.description).toMatchObject({ engine: 'torch', device: 'cpu', dtype: 'float32' });
  });

  test('gives the ids and labels of transformers, sizes of pictures being enough', async () => {
    const encoded = await encoder.encodeAll(
      rows.map((row) => ({
        turns: turnsOf(row),
        imageCount: row.image === undefined ? 0 : 1,
        imageSizes: async () => (await picturesOf(row)).map(({ width, height }) => ({ width, height })),
      })),
    );
    for (const [index, tokens] of encoded.entries()) {
      const { id } = rows[index]!;
      if (isRejection(tokens)) throw new Error(`${id}: ${tokens.detail}`);
      expect([...tokens.ids], id).toEqual([...goldenIntegers(`${id}.input_ids`)]);
      expect([...tokens.labels], id).toEqual([...goldenIntegers(`${id}.labels`)]);
    }
  });

  test('gives the losses, norms, EL2N and gradients of one example at a time, projected as TypeScript projects', async () => {
    const { length: parameterCount } = gradientLayout(adapter);
    const computer = model.openGradients(adapter, { kind: 'sparse', sketch: 64, seed: 7 });
    const projector = createProjector({ kind: 'sparse', sketch: 64, seed: 7, parameterCount });
    // Of several lengths, and one without a picture, in one batch.
    for (const batch of [['ex-000', 'ex-003', 'ex-two-turns'], rows.slice(4, 12).map(({ id }) => id)]) {
      const found = await computer.compute(await examplesOf(batch));
      const wanted = batch.map((id) => expected.examples.find((example) => example.id === id)!);
      const tolerance = { rtol: 1e-5, atol: 1e-7 };
      expect(found.loss).toBeAllclose(wanted.map(({ loss }) => loss), tolerance); // oxfmt-ignore
      expect(found.gradientNorm).toBeAllclose(wanted.map(({ grad_norm: norm }) => norm), tolerance); // oxfmt-ignore
      expect(found.el2n).toBeAllclose(wanted.map(({ el2n }) => el2n), tolerance); // oxfmt-ignore
      for (const [row, id] of batch.entries()) {
        const sums = new Float64Array(64);
        projector.add(0, await goldenTensor(`${id}.self_attn_lora_grad`), sums, 0);
        const atol = 1e-5 * Math.hypot(...sums);
        expect(found.sketch.subarray(row * 64, (row + 1) * 64)).toBeAllclose(sums, { rtol: 0, atol });
      }
    }
    computer.dispose();
  });

  test('scales gradients by moments of Adam before their projection, to within SCALED of the formula', async () => {
    const moments = momentsFor(adapter, 1e-2);
    const ids = ['ex-000', 'ex-003', 'ex-two-turns'];
    const examples = await examplesOf(ids);
    const { length: parameterCount } = gradientLayout(adapter);
    for (const kind of ['none', 'sparse'] as const) {
      const [plain, scaling] = [null, moments].map((given) =>
        model.openGradients(adapter, { kind, sketch: 64, seed: 7 }, given),
      );
      const { sketch, ...rest } = await plain!.compute(examples);
      const found = await scaling!.compute(examples);
      expect({ ...found, sketch }).toEqual({ ...rest, sketch });
      const projector = createProjector({ kind, sketch: scaling!.sketch, seed: 7, parameterCount });
      for (const [row, id] of ids.entries()) {
        const golden = slowlyScaled(await goldenTensor(`${id}.self_attn_lora_grad`), adapter, moments);
        const sums = new Float64Array(projector.sketch);
        projector.add(0, Float32Array.from(golden), sums, 0);
        // A bucket adds up the differences of its coordinates.
        const atol = kind === 'none' ? SCALED : SCALED * Math.sqrt(parameterCount / 64);
        const own = found.sketch.subarray(row * projector.sketch, (row + 1) * projector.sketch);
        expect(own).toBeAllclose(sums, { rtol: 0, atol });
      }
      for (const computer of [plain!, scaling!]) computer.dispose();
    }
    expect(() => model.openGradients(adapter, { kind: 'kron', sketch: 64, seed: 7 }, moments)).toThrow(
      'gradients.preconditioner: adam needs whole gradients, which projection kron never forms',
    );
  });

  describe('three steps of AdamW', () => {
    const open = (resumed: Awaited<ReturnType<Trainer['state']>> | null): Trainer =>
      model.openTraining(adapter, { adamW: ADAMW_DEFAULTS, maxGradientNorm: 1 }, resumed);

    async function take(trainer: Trainer, first: number): Promise<{ loss: number; norm: number }[]> {
      const steps: { loss: number; norm: number }[] = [];
      for (const { ids, learning_rate: rate } of expected.train_steps.slice(first, 3)) {
        const examples = await examplesOf(ids);
        const answers = examples.reduce((sum, { answerTokenCount }) => sum + answerTokenCount, 0);
        const loss = await trainer.addMicroBatch(examples, 1 / answers);
        steps.push({ loss, norm: await trainer.update(rate) });
      }
      return steps;
    }

    test('have the losses and norms of torch and peft, and a saved state goes on in the same bits', async () => {
      const whole = open(null);
      const steps = await take(whole, 0);
      const wanted = expected.train_steps.slice(0, 3);
      expect(steps.map(({ loss }) => loss)).toBeAllclose(wanted.map(({ loss }) => loss), { rtol: 1e-4, atol: 0 }); // oxfmt-ignore
      expect(steps.map(({ norm }) => norm)).toBeAllclose(wanted.map(({ grad_norm: norm }) => norm), { rtol: 1e-4, atol: 0 }); // oxfmt-ignore
      const final = await whole.state();
      whole.dispose();
      expect(final.optimizer.step).toBe(3);

      const stopped = open(null);
      const { ids, learning_rate: rate } = expected.train_steps[0]!;
      const examples = await examplesOf(ids);
      await stopped.addMicroBatch(examples, 1 / examples.reduce((sum, one) => sum + one.answerTokenCount, 0));
      await stopped.update(rate);
      const saved = structuredClone(await stopped.state());
      stopped.dispose();
      const resumed = open(saved);
      await take(resumed, 1);
      expect(await resumed.state()).toEqual(final);
      resumed.dispose();
    });
  });

  test('scores with and without an adapter', async () => {
    const ids = ['ex-000', 'ex-003'];
    const scores: number[][] = [];
    for (const values of [adapter, null]) {
      const scorer = model.openScoring(values);
      scores.push((await scorer.score(await examplesOf(ids))).map(({ loss }) => loss));
      scorer.dispose();
    }
    const wanted = ids.map((id) => expected.examples.find((example) => example.id === id)!.loss);
    expect(scores[0]).toBeAllclose(wanted, { rtol: 1e-5, atol: 0 });
    expect(scores[1]).not.toEqual(scores[0]);
  });

  test('generates the answers of the TensorFlow engine, of rows whose last answer is as long', async () => {
    const ids = ['ex-000', 'ex-003', 'ex-two-turns'];
    const settings = { mostTokens: 6, stopsAtEnd: true };
    await loadEngine('tensorflow');
    const loaded = await loadModel(`${GOLDEN}/model`);
    const other = engineModel(loaded).openScoring(adapter);
    const mine = model.openScoring(adapter);
    const golden = await goldenExamples(loaded, ids);
    const wanted = await other.generate(golden, settings);
    const found = await mine.generate(await examplesOf(ids), settings);
    expect(found.map((answer) => ({ ...answer, text: null }))).toEqual(wanted);
    const { decode } = await readTokenizer(`${GOLDEN}/model`);
    // The tokenizers may keep the space before an answer or not.
    expect(found.map(({ text }) => text!.trim())).toEqual(found.map((answer) => decode(answer.ids).trim()));
    const lengths = async (scored: Promise<Outcome[]>) => (await scored).map((one) => one.lastAnswerTokenCount);
    expect(await lengths(mine.score(await examplesOf(ids)))).toEqual(await lengths(other.score(golden)));
    for (const scorer of [mine, other]) scorer.dispose();
    loaded.weights.dispose();
  });
});
