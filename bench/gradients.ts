// Bench of example gradients: rows a second of several models, beside the products' own rate.
import * as tf from '@tensorflow/tfjs';
import { gradientRows } from '../activities/gradients/gradient-rows.ts';
import type { UsableRow } from '../tables/rows.ts';
import { initialAdapter } from '../model/adapter.ts';
import { engineModel } from '../model/tensorflow/engine.ts';
import { loadEngine } from '../model/load-engine.ts';
import type { GradientComputer, TokenExample } from '../model/engine.ts';
import { median, short } from './bench.ts';
import type { BenchLine } from './bench.ts';
import { timeTogether, withChildren } from './child.ts';
import { matmulRate, multiplyStep } from './matmul.ts';
import { MEDIUM, SMALL, randomExample, randomModel } from './random-model.ts';
import type { BenchModel } from './random-model.ts';
import { linearLayers } from '../model/weight-shapes.ts';

/** What is measured of one model. */
interface GradientsCase {
  name: string;
  model: BenchModel;
  /** Examples of a micro-batch. */
  batchSize: number;
  /** Micro-batches of one step in one process. */
  batchCount: number;
  repeats: number;
  goalMs: number;
}

const CASES: readonly GradientsCase[] = [
  { name: 'small', model: SMALL, batchSize: 64, batchCount: 8, repeats: 7, goalMs: 3.5 },
  { name: 'medium', model: MEDIUM, batchSize: 4, batchCount: 3, repeats: 5, goalMs: 220 },
];

const PROCESSES = 2;
const SKETCH = 1024;

/** Numbers of a child after a step. */
export interface ProcessState {
  tensorCount: number;
  residentBytes: number;
}

/** Per-example LoRA gradients with their projection, in two processes of one thread at the same time. */
export async function* bench(): AsyncGenerator<BenchLine> {
  for (const measured of CASES) {
    const { name, model, batchSize, batchCount, repeats, goalMs } = measured;
    const [times, rates] = await withChildren(PROCESSES, 'gradients', measured, async (children) => {
      await timeTogether(children, 'compute');
      await matmulRate(children);
      const found: [number[], number[]] = [[], []];
      for (let repeat = 0; repeat < repeats; repeat += 1) {
        found[0].push((await timeTogether(children, 'compute')) / (PROCESSES * batchCount * batchSize));
        found[1].push(await matmulRate(children));
      }
      return found;
    });
    const [rate, matmul] = [(1000 * exampleGflop(model)) / median(times), median(rates)];
    const facts = [
      `${short(median(times))} ms/example (goal ${goalMs}), at least ${short(Math.min(...times))}`,
      `${short(rate)} GFLOP/s, ${(rate / matmul).toFixed(2)} of matmul ${short(matmul)}`,
      `${PROCESSES} × 1 thread, micro-batches of ${batchSize}, sketch ${SKETCH}`,
    ];
    yield { name: `gradients ${name}`, facts };
  }
}

/**
 * Work of one example's gradient: 4·N·T + 12·L·T²·h + 6·P·T, with N decoder matmul parameters with head, T tokens,
 * L layers, h hidden, P LoRA parameters of q, k, v, o. The vision tower has no part: image vectors are given.
 */
export function exampleGflop(model: BenchModel): number {
  const { hidden, layers, heads, keyValueHeads, intermediate, vocabulary, tokenCount, loraRank } = model;
  const keyValue = (hidden / heads) * keyValueHeads;
  const parameters = layers * (2 * hidden ** 2 + 2 * hidden * keyValue + 3 * hidden * intermediate);
  const loraParameters = layers * loraRank * (2 * 2 * hidden + 2 * (hidden + keyValue));
  const linear = 4 * (parameters + vocabulary * hidden) * tokenCount;
  return (linear + 12 * layers * tokenCount ** 2 * hidden + 6 * loraParameters * tokenCount) / 1e9;
}

/** Model, adapter and micro-batches; step `compute` takes the gradients of `batchCount` micro-batches. */
export async function prepare({
  model: size,
  batchSize,
  batchCount,
}: Pick<GradientsCase, 'model' | 'batchSize' | 'batchCount'>): Promise<Record<string, () => unknown>> {
  await loadEngine('auto');
  const computer = gradientComputer(size);
  const batches = Array.from({ length: batchCount }, (_, batch) => microBatch(size, batch, batchSize));
  const compute = async (): Promise<void> => {
    for (const { rows, examples } of batches) await gradientRows(computer, 'float32', rows, examples);
  };
  // Both settle by themselves, but later: what is left after a collection is what a leak leaves.
  const state = (): ProcessState => {
    globalThis.gc?.();
    return { tensorCount: tf.memory().numTensors, residentBytes: process.memoryUsage.rss() };
  };
  return { compute, multiply: multiplyStep(), state };
}

function gradientComputer(size: BenchModel): GradientComputer {
  const model = randomModel(size);
  const settings = {
    rank: size.loraRank,
    alpha: 2 * size.loraRank,
    targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj'] as const,
  };
  let draw = 0;
  const uniform = (): number => (((draw++ * 7919) % 9973) + 0.5) / 9973;
  const values = initialAdapter(
    linearLayers(model.config.text),
    { ...settings, targets: [...settings.targets] },
    uniform,
  );
  // B starts as zero, which would make the gradients of A zero.
  for (const { values: numbers } of values.parameters.filter(({ name }) => name.endsWith('.lora_B')))
    numbers.forEach((_, index) => (numbers[index] = 0.02 * (uniform() - 0.5)));
  return engineModel(model).openGradients(values, { kind: 'sparse', sketch: SKETCH, seed: 0 });
}

function microBatch(
  size: BenchModel,
  microBatchIndex: number,
  exampleCount: number,
): { rows: UsableRow[]; examples: TokenExample[] } {
  const seeds = Array.from({ length: exampleCount }, (_, index) => microBatchIndex * exampleCount + index);
  return {
    examples: seeds.map((seed) => randomExample(size, seed)),
    rows: seeds.map((seed) => ({
      rowIndex: seed,
      sourceIndex: 0,
      byteStart: 0,
      byteEnd: 0,
      position: seed,
      task: 'bench',
      contentHash: new Uint8Array(32),
      tokenCount: size.tokenCount,
      supervisedTokenCount: 1,
      truncated: false,
      microBatch: microBatchIndex,
      shard: 0,
    })),
  };
}
