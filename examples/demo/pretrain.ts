// Pretrains the demo's model from nothing, with the product's own model code: three phases of generated pictures and
// questions that differ from the demo's. Resumable: run it again with the same arguments and it goes on.
//
//   node dist/examples/demo/pretrain.js --fashion-mnist DIR --digits FILE --work DIR --out examples/demo/model
//     [--steps 3000,2500,4500] [--seed 20] [--initial FILE] [--engine tensorflow]
//
// `--steps` gives the steps of each phase; 0 leaves a phase out. `--initial` starts from weights that are there.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Tokenizer } from '@huggingface/tokenizers';
import * as tf from '@tensorflow/tfjs';
import { createRandom } from '../../algorithms/random-stream.ts';
import { loadEngine } from '../../model/load-engine.ts';
import { scoreExamples } from '../../model/tensorflow/evaluate.ts';
import { assignVariables, fullGradient } from '../../model/tensorflow/full-training.ts';
import type { PixelExample } from '../../model/tensorflow/full-training.ts';
import { parseArchitecture } from '../../model/architectures/read-architecture.ts';
import type { Architecture } from '../../model/architectures/architecture.ts';
import { encodeSafetensors, openSafetensors } from '../../model/safetensors.ts';
import { hostTrainer } from '../../model/tensorflow/host-trainer.ts';
import { train } from '../../model/training.ts';
import type { OptimizerSettings, TrainingState } from '../../model/engine.ts';
import { encodeImages } from '../../model/tensorflow/vision-tower.ts';
import { diskName } from '../../model/weight-names.ts';
import { weightShapes } from '../../model/weight-shapes.ts';
import type { LoadedModel } from '../../model/tensorflow/load-model.ts';
import { Weights } from '../../model/tensorflow/weights.ts';
import type { DemoRow } from './demo-row.ts';
import { PHASES, heldOutRows, pretrainingRows } from './pretraining-tasks.ts';
import type { Phase } from './pretraining-tasks.ts';
import { readSources } from './sources.ts';
import type { Sources } from './sources.ts';

const BATCH_SIZE = 64;
const HELD_OUT_PER_TASK = 40;
const LOG_STEPS = 50;
const SAVE_STEPS = 250;
const OPTIMIZER: OptimizerSettings = {
  adamW: { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0.02 },
  maxGradientNorm: 1,
};
const TOKEN_BUDGET = 1600;
const PEAK_RATE = 2e-3;
const WARMUP_STEPS = 200;

/** Prompt and labels of a row: `USER: <image>⏎{question} ASSISTANT: {answer}</s>`, loss on the answers. */
export function createEncoder(tokenizer: Tokenizer, config: Architecture): (row: DemoRow) => PixelExample {
  const known = new Map<string, number[]>();
  const encode = (text: string): number[] => {
    const ids = known.get(text) ?? tokenizer.encode(text, { add_special_tokens: false }).ids;
    known.set(text, ids);
    return ids;
  };
  const end = encode('</s>');
  return ({ turns, image }) => {
    const ids: number[] = [];
    const labels: number[] = [];
    const push = (tokens: readonly number[], learned: boolean): void => {
      ids.push(...tokens);
      labels.push(...(learned ? tokens : tokens.map(() => -100)));
    };
    turns.forEach(([question, answer], turn) => {
      const withImage = image !== null && turn === 0;
      if (withImage)
        push(
          [...encode('USER: '), ...Array.from({ length: config.imageTokenCount }, () => config.imageTokenId)],
          false,
        );
      push(encode(`${withImage ? '\n' : 'USER: '}${question} ASSISTANT:`), false);
      push([...encode(` ${answer}`), ...end], true);
    });
    return {
      ids: Int32Array.from(ids),
      labels: Int32Array.from(labels),
      features: [],
      pixels: image === null ? [] : [toPixels(image, config.vision!.imageSize)],
    };
  };
}

const MEAN = [0.48145466, 0.4578275, 0.40821073].map(Math.fround);
const DEVIATION = [0.26862954, 0.26130258, 0.27577711].map(Math.fround);

/** uint8 `[row, column, channel]` → normalised float32 `[channel, row, column]`, as the image processor gives it. */
function toPixels(image: Uint8Array, side: number): Float32Array {
  const pixels = new Float32Array(3 * side * side);
  for (let place = 0; place < side * side; place += 1) {
    for (let channel = 0; channel < 3; channel += 1) {
      const value = Math.fround(image[place * 3 + channel]! * 0.00392156862745098);
      pixels[channel * side * side + place] = Math.fround(value - MEAN[channel]!) / DEVIATION[channel]!;
    }
  }
  return pixels;
}

/** Initial weights: normal with deviation 1/√in, embeddings 0.5, residual outputs smaller by √(2 · layers). */
function initialWeights(config: Architecture, seed: number): Map<string, Float32Array> {
  const random = createRandom('demo/pretrain/weights', seed);
  const weights = new Map<string, Float32Array>();
  for (const [name, shape] of weightShapes(config)) {
    const count = shape.reduce((product, size) => product * size, 1);
    const deviation = initialDeviation(name, shape, config.text.layerCount);
    const isNorm = /norm\d?\.weight$/.test(name) || name.endsWith('pre_layrnorm.weight');
    weights.set(
      name,
      Float32Array.from({ length: count }, () => (isNorm ? 1 : deviation === 0 ? 0 : random.normal() * deviation)),
    );
  }
  return weights;
}

function initialDeviation(name: string, shape: readonly number[], layerCount: number): number {
  if (name.endsWith('.bias')) return 0;
  if (name.includes('class_embedding') || name.includes('position_embedding')) return 0.02;
  if (name.includes('embed_tokens')) return 0.5;
  const fanIn = shape.slice(1).reduce((product, size) => product * size, 1);
  const isResidual = name.includes('language_model') && /(o_proj|down_proj)\.weight$/.test(name);
  return (isResidual ? 1 / Math.sqrt(2 * layerCount) : 1) / Math.sqrt(fanIn);
}

/** The rows of one step: fresh ones, never seen before or after. */
function stepRows(phase: Phase, step: number, seed: number, sources: Sources): DemoRow[] {
  return [...pretrainingRows(phase, BATCH_SIZE, seed * 1_000_000 + phase * 100_000 + step, sources)];
}

async function saveState(path: string, names: readonly string[], phase: Phase, state: TrainingState): Promise<void> {
  const part = (kind: string, arrays: readonly Float32Array[]) =>
    arrays.map((values, index) => ({ name: `${kind}/${names[index]}`, shape: [values.length], values }));
  const tensors = [
    ...part('parameter', state.parameters),
    ...part('first', state.optimizer.first),
    ...part('second', state.optimizer.second),
  ];
  writeFileSync(
    `${path}.partial`,
    encodeSafetensors(tensors, { phase: String(phase), step: String(state.optimizer.step) }),
  );
  renameSync(`${path}.partial`, path);
}

async function readState(path: string, names: readonly string[]): Promise<{ phase: Phase; state: TrainingState }> {
  const bytes = readFileSync(path);
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + Number(bytes.readBigUInt64LE(0)))) as {
    __metadata__: { phase: string; step: string };
  };
  const file = await openSafetensors(path);
  const read = (kind: string) => Promise.all(names.map((name) => file.read(`${kind}/${name}`)));
  const parameters = await read('parameter');
  const optimizer = {
    step: Number(header.__metadata__.step),
    first: await read('first'),
    second: await read('second'),
  };
  await file.close();
  return { phase: Number(header.__metadata__.phase) as Phase, state: { parameters, optimizer } };
}

/** Weights of a model file by canonical name. */
async function readWeights(path: string, config: Architecture): Promise<Map<string, Float32Array>> {
  const file = await openSafetensors(path);
  const weights = new Map<string, Float32Array>();
  for (const name of weightShapes(config).keys()) weights.set(name, await file.read(diskName(name)));
  await file.close();
  return weights;
}

async function main(): Promise<void> {
  const { values: options } = parseArgs({
    options: {
      'fashion-mnist': { type: 'string' },
      digits: { type: 'string' },
      work: { type: 'string' },
      out: { type: 'string' },
      steps: { type: 'string', default: '3000,2500,4500' },
      seed: { type: 'string', default: '20' },
      initial: { type: 'string' },
      engine: { type: 'string', default: 'tensorflow' },
    },
  });
  const { 'fashion-mnist': garments, digits, work, out } = options;
  if (garments === undefined || digits === undefined || work === undefined || out === undefined) {
    throw new TypeError('pretrain: --fashion-mnist, --digits, --work and --out must be given');
  }
  mkdirSync(work, { recursive: true });
  await loadEngine(options.engine as 'tensorflow');
  const sources = readSources(garments, digits);
  const config = parseArchitecture(
    JSON.parse(readFileSync(join(out, 'config.json'), 'utf8')) as Record<string, unknown>,
  );
  const readJson = (name: string) => JSON.parse(readFileSync(join(out, name), 'utf8')) as Record<string, unknown>;
  const tokenizer = new Tokenizer(readJson('tokenizer.json'), readJson('tokenizer_config.json'));
  const seed = Number(options.seed);
  const initial =
    options.initial === undefined ? initialWeights(config, seed) : await readWeights(options.initial, config);
  const steps = options.steps.split(',').map(Number);
  const data = { encode: createEncoder(tokenizer, config), sources, seed };
  await pretrain(config, initial, data, steps, work, out);
}

/** What is learned from: rows as the model takes them, of the source pictures, drawn by a seed. */
interface PretrainingData {
  encode: (row: DemoRow) => PixelExample;
  sources: Sources;
  seed: number;
}

async function pretrain(
  config: Architecture,
  initial: ReadonlyMap<string, Float32Array>,
  data: PretrainingData,
  steps: readonly number[],
  work: string,
  out: string,
): Promise<void> {
  const names = [...initial.keys()];
  const shapes = weightShapes(config);
  const variables = names.map((name) => tf.variable(tf.tensor(initial.get(name)!, shapes.get(name)!, 'float32')));
  const weights = new Weights(new Map(names.map((name, index) => [name, variables[index]!])));
  const model = { folder: out, config, weights };
  const checkpoint = join(work, 'state.safetensors');
  let resumed = existsSync(checkpoint) ? await readState(checkpoint, names) : null;
  let parameters = resumed?.state.parameters ?? names.map((name) => initial.get(name)!);
  for (const phase of PHASES) {
    if (resumed !== null && resumed.phase > phase) continue;
    const stepCount = steps[phase - 1]!;
    if (stepCount === 0) continue;
    const batches = Array.from({ length: stepCount }, (_, step) => Uint32Array.of(step));
    const schedule = { kind: 'cosine', learningRate: PEAK_RATE, warmupFraction: WARMUP_STEPS / stepCount } as const;
    const load = (rows: Uint32Array) =>
      Promise.resolve(stepRows(phase, rows[0]!, data.seed, data.sources).map(data.encode));
    const startedAt = performance.now();
    let losses: number[] = [];
    const trainer = hostTrainer(parameters, fullGradient(model), OPTIMIZER, resumed?.state ?? null);
    for await (const done of train(trainer, batches, { schedule, tokenBudget: TOKEN_BUDGET }, load)) {
      if (done === null) continue;
      losses.push(done.loss);
      const step = done.step + 1;
      if (step % LOG_STEPS === 0) {
        const perStep = (performance.now() - startedAt) / (step - (resumed?.state.optimizer.step ?? 0));
        console.log(
          `phase ${phase} step ${step}/${stepCount} loss ${(losses.reduce((sum, loss) => sum + loss, 0) / losses.length).toFixed(4)} ${perStep.toFixed(0)} ms/step`,
        );
        losses = [];
      }
      if (step % SAVE_STEPS === 0 || step === stepCount) {
        const state = await trainer.state();
        ({ parameters } = state);
        await saveState(checkpoint, names, phase, state);
        assignVariables(variables, parameters);
        if (step % (4 * SAVE_STEPS) === 0 || step === stepCount)
          console.log(`  held out, %: ${heldOut(model, phase, data)}`);
        writeModel(join(out, 'model.safetensors'), names, shapes, parameters, config);
      }
    }
    resumed = null;
  }
}

/** Exactly right answers on rows of held-out pictures, in per cent by task. */
function heldOut(trained: LoadedModel, phase: Phase, { encode, sources, seed }: PretrainingData): string {
  // Graphs hold the weights that they are made with, so what goes on being trained is scored as a copy.
  const copies = trained.weights.names.map((name) => [name, tf.clone(trained.weights.get(name))] as const);
  const model = { ...trained, weights: new Weights(new Map(copies)) };
  const right = new Map<string, [number, number]>();
  const rows = [...heldOutRows(phase, HELD_OUT_PER_TASK, seed, sources)];
  for (let start = 0; start < rows.length; start += BATCH_SIZE) {
    const part = rows.slice(start, start + BATCH_SIZE);
    const examples = part.map((row) => {
      const example = encode(row);
      const vectors = example.pixels.map((pixels) => {
        const tensor = encodeImages(model, [pixels]);
        const values = tensor.dataSync<'float32'>();
        tensor.dispose();
        return values;
      });
      return { ...example, features: vectors };
    });
    scoreExamples(model, null, examples).forEach(({ correct }, index) => {
      const count = right.get(part[index]!.task) ?? [0, 0];
      right.set(part[index]!.task, [count[0] + (correct ? 1 : 0), count[1] + 1]);
    });
  }
  model.weights.dispose();
  return [...right].map(([task, [correct, count]]) => `${task} ${Math.round((100 * correct) / count)}`).join('  ');
}

/** The weights under the names that transformers writes, with the layer norm that it expects but never uses here. */
function writeModel(
  path: string,
  names: readonly string[],
  shapes: ReadonlyMap<string, number[]>,
  parameters: readonly Float32Array[],
  config: Architecture,
): void {
  const { hiddenSize } = config.vision!;
  const unused = [
    { name: 'vision_tower.post_layernorm.weight', shape: [hiddenSize], values: new Float32Array(hiddenSize).fill(1) },
    { name: 'vision_tower.post_layernorm.bias', shape: [hiddenSize], values: new Float32Array(hiddenSize) },
  ];
  const tensors = names.map((name, index) => ({
    name: diskName(name),
    shape: shapes.get(name)!,
    values: parameters[index]!,
  }));
  const sorted = [...tensors, ...unused].sort((left, right) => (left.name < right.name ? -1 : 1));
  writeFileSync(`${path}.partial`, encodeSafetensors(sorted));
  renameSync(`${path}.partial`, path);
}

if (process.argv[1]?.includes('pretrain')) await main();
