// The most memory that a process has had after one micro-batch of a model of given sizes, beside its count.
import * as tf from '@tensorflow/tfjs';
import type { LoraTarget } from '../contracts/config.ts';
import { initialAdapter } from '../model/adapter.ts';
import type { Architecture } from '../model/architectures/architecture.ts';
import { parseArchitecture } from '../model/architectures/read-architecture.ts';
import type { EngineModel, ModelExample } from '../model/engine.ts';
import { ADAMW_DEFAULTS } from '../model/engine.ts';
import { loadEngine } from '../model/load-engine.ts';
import { countMemory } from '../model/memory/count-memory.ts';
import type { MemoryCount, MemoryQuestion, MemoryWork } from '../model/memory/memory-question.ts';
import { sizesOf } from '../model/memory/model-sizes.ts';
import { processMemory } from '../model/memory/machine-memory.ts';
import { pickRecomputedLayers } from '../model/memory/pick-memory.ts';
import { engineModel } from '../model/tensorflow/engine.ts';
import { Weights } from '../model/tensorflow/weights.ts';
import { weightShapes } from '../model/weight-shapes.ts';
import { configOf } from './large-model-folder.ts';
import type { ModelSizes } from './large-model-folder.ts';
import { ownPeakBytes } from './processes.ts';

/** One micro-batch of a model, and what is done with it. */
export interface PeakCase {
  sizes: ModelSizes;
  work: MemoryWork;
  rowCount: number;
  tokenCount: number;
  /** Supervised tokens at the end of each row. */
  answerCount: number;
  rank: number;
}

/** What was counted and what was seen. */
export interface Peak {
  count: MemoryCount;
  recomputedLayerCount: number;
  peakBytes: number;
}

const TARGETS: LoraTarget[] = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
const PROJECTION = { kind: 'sparse', sketch: 8192, seed: 0 } as const;

/** Step `pass` encodes a picture, takes one micro-batch through the work, and says the peak. */
export async function prepare(input: PeakCase): Promise<Record<string, () => Promise<Peak>>> {
  await loadEngine('tensorflow');
  const architecture = parseArchitecture(configOf(input.sizes));
  const weights = new Map([...weightShapes(architecture)].map(([name, shape]) => [name, tf.fill(shape, 0.01)]));
  const model = engineModel({ folder: '', config: architecture, weights: new Weights(weights) });
  return {
    pass: async () => {
      await work(model, architecture.imageTokenCount, input);
      const question = questionOf(input, architecture);
      const recomputedLayerCount = pickRecomputedLayers(question, processMemory());
      const count = countMemory({ ...question, recomputedLayerCount });
      return { count, recomputedLayerCount, peakBytes: ownPeakBytes() ?? NaN };
    },
  };
}

function questionOf(
  { work: kind, rowCount, tokenCount, answerCount, rank }: PeakCase,
  architecture: Architecture,
): Omit<MemoryQuestion, 'recomputedLayerCount'> {
  return {
    sizes: sizesOf(architecture),
    engine: 'tensorflow',
    valueBytes: 4,
    work: kind,
    adapter: { rank, targets: TARGETS },
    projection: PROJECTION,
    batch: { rowCount, tokenCount, supervisedCount: rowCount * answerCount },
    cacheBytes: 0,
  };
}

async function work(model: EngineModel, imageTokenCount: number, input: PeakCase): Promise<void> {
  const pixels = new Float32Array(3 * input.sizes.imageSize ** 2).fill(0.5);
  const pictures = model.openPictures?.(() => Promise.resolve(pixels));
  const [vectors] = await pictures!.get({ id: 'peak', images: ['picture'] }, ['picture']);
  const settings = { rank: input.rank, alpha: input.rank, targets: TARGETS };
  const adapter = initialAdapter(model.decoder.layers, settings, () => 0.3);
  const examples = Array.from({ length: input.rowCount }, () => exampleOf(input, vectors!, imageTokenCount));
  if (input.work === 'gradients') await model.openGradients(adapter, PROJECTION).compute(examples);
  else if (input.work === 'scoring') await model.openScoring(adapter).score(examples);
  else {
    const trainer = model.openTraining(adapter, { adamW: ADAMW_DEFAULTS, maxGradientNorm: 1 }, null);
    for (let batch = 0; batch < 2; batch += 1) await trainer.addMicroBatch(examples, 0.1);
    await trainer.update(1e-4);
  }
}

function exampleOf({ tokenCount, answerCount }: PeakCase, vectors: Float32Array, imageTokens: number): ModelExample {
  const ids = Int32Array.from({ length: tokenCount }, (_, token) =>
    token > 0 && token <= imageTokens ? 4 : 5 + token,
  );
  const labels = Int32Array.from(ids, (id, token) => (token >= tokenCount - answerCount ? id : -100));
  return { ids, labels, features: [vectors] };
}
