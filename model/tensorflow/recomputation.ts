// How many layers of a micro-batch are computed again in its backward pass, so that it fits this process.
import * as tf from '@tensorflow/tfjs';
import type { TensorflowEngine } from '../../contracts/config.ts';
import type { AdapterValues } from '../adapter.ts';
import type { ProjectionSettings } from '../engine.ts';
import { cacheBytesOf, deviceMemory, processMemory } from '../memory/machine-memory.ts';
import type { MemoryQuestion } from '../memory/memory-question.ts';
import { sizesOf } from '../memory/model-sizes.ts';
import { pickRecomputedLayers } from '../memory/pick-memory.ts';
import type { LoadedModel } from './load-model.ts';
import type { BatchShape, SupervisedPositions } from './micro-batch.ts';

/** Layers of a micro-batch that are computed again. */
export type Recomputation = (shape: BatchShape, positions: SupervisedPositions) => number;

/** No layer, whatever the memory. */
export const NO_RECOMPUTATION: Recomputation = () => 0;

/** As the process's memory asks for it. @param projection null for a training */
export function recomputation(
  { config }: LoadedModel,
  { settings }: AdapterValues,
  projection: ProjectionSettings | null,
): Recomputation {
  const memoryBytes = engineMemory();
  const question: Omit<MemoryQuestion, 'recomputedLayerCount' | 'batch'> = {
    sizes: sizesOf(config),
    engine: tf.getBackend() as TensorflowEngine,
    valueBytes: 4,
    work: projection === null ? 'training' : 'gradients',
    adapter: settings,
    projection: projection ?? { kind: 'sparse', sketch: 0 },
    cacheBytes: cacheBytesOf(memoryBytes),
  };
  return ({ exampleCount: rowCount, tokenCount }, { rows }) => {
    const batch = { rowCount, tokenCount, supervisedCount: rows.length };
    return pickRecomputedLayers({ ...question, batch }, memoryBytes);
  };
}

/** Memory where the tensors lie. */
function engineMemory(): number {
  const native = tf.backend() as unknown as { isUsingGpuDevice?: boolean };
  const device = native.isUsingGpuDevice === true ? deviceMemory() : null;
  return device ?? processMemory();
}
