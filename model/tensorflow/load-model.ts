// A model folder as float32 tensors of the active engine.
import * as tf from '@tensorflow/tfjs';
import {
  EMBEDDING,
  HEAD,
  areEqual,
  checkTensors,
  closeAll,
  locate,
  openWeights,
  readSource,
  storedShapes,
} from '../model-files.ts';
import { readArchitecture } from '../architectures/read-architecture.ts';
import type { Architecture } from '../architectures/architecture.ts';
import { modelMemory, requireMemory } from '../memory/weights-memory.ts';
import { countParameters, weightShapes } from '../weight-shapes.ts';
import { Weights } from './weights.ts';

/** A model that is ready to compute. */
export interface LoadedModel {
  folder: string;
  config: Architecture;
  weights: Weights;
}

/**
 * Loads a model folder in Hugging Face layout into float32 tensors of the active engine, one tensor at a time.
 * The caller disposes `weights`.
 * @param breathe awaited between tensors
 * @throws InvalidConfigError for a missing or pickled weight file, a missing tensor or a wrong shape.
 */
export async function loadModel(
  folder: string,
  breathe: () => Promise<void> = () => Promise.resolve(),
): Promise<LoadedModel> {
  const config = await readArchitecture(folder);
  // The addon says whether it computes on a GPU; wasm and cpu never do.
  const native = tf.backend() as unknown as { isUsingGpuDevice?: boolean };
  requireMemory(
    modelMemory(countParameters(weightShapes(config)), native.isUsingGpuDevice === true),
    tf.getBackend() === 'wasm',
  );
  const found = await openWeights(folder);
  const tensors = new Map<string, tf.Tensor>();
  try {
    const sources = locate(found, config.text.tiedHead);
    const shapes = storedShapes(config, sources);
    checkTensors(sources, shapes);
    if (config.text.tiedHead && shapes.has(HEAD) && (await areEqual(sources.get(HEAD)!, sources.get(EMBEDDING)!)))
      shapes.delete(HEAD);
    for (const [name, shape] of shapes) {
      tensors.set(name, toEngine(await readSource(sources.get(name)!), shape));
      await breathe();
    }
    return { folder, config, weights: new Weights(tensors) };
  } catch (error) {
    tf.dispose([...tensors.values()]);
    throw error;
  } finally {
    await closeAll(found.files);
  }
}

/**
 * A tensor whose values lie with the native library at once. By itself tfjs keeps them until the first use, and they
 * would be there twice for as long as the garbage collector takes.
 */
function toEngine(values: Float32Array, shape: number[]): tf.Tensor {
  const tensor = tf.tensor(values, shape, 'float32');
  const native = tf.backend() as unknown as { getInputTensorIds?: (tensors: tf.Tensor[]) => number[] };
  native.getInputTensorIds?.([tensor]);
  return tensor;
}
