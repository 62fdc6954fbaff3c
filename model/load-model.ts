import { access, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { InvalidConfigError } from '../contracts/failures.ts';
import { readModelConfig } from './model-config.ts';
import type { Architecture } from './model-config.ts';
import { modelMemory, requireMemory } from './model-memory.ts';
import { openSafetensors } from './safetensors.ts';
import type { SafetensorsFile } from './safetensors.ts';
import { canonicalName } from './weight-names.ts';
import { weightShapes } from './weight-shapes.ts';
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
  const config = await readModelConfig(folder);
  const shapes = weightShapes(config);
  // The addon says whether it computes on a GPU; wasm and cpu never do.
  const native = tf.backend() as unknown as { isUsingGpuDevice?: boolean };
  requireMemory(modelMemory(shapes, native.isUsingGpuDevice === true), tf.getBackend() === 'wasm');
  const files = await openWeightFiles(folder);
  const tensors = new Map<string, tf.Tensor>();
  try {
    const sources = locate(files);
    checkTensors(sources, shapes);
    for (const [name, shape] of shapes) {
      const { file, stored } = sources.get(name)!;
      tensors.set(name, tf.tensor(await file.read(stored), shape, 'float32'));
      await breathe();
    }
    return { folder, config, weights: new Weights(tensors) };
  } catch (error) {
    tf.dispose([...tensors.values()]);
    throw error;
  } finally {
    await Promise.all(files.map((file) => file.close()));
  }
}

/**
 * Checks that a model folder holds every tensor in its right shape, by the files' headers alone.
 * @throws InvalidConfigError as {@link loadModel}
 */
export async function checkModelFiles(folder: string): Promise<void> {
  const shapes = weightShapes(await readModelConfig(folder));
  const files = await openWeightFiles(folder);
  try {
    checkTensors(locate(files), shapes);
  } finally {
    await Promise.all(files.map((file) => file.close()));
  }
}

/** Paths of the safetensors files of a model folder, in the order of the index. */
export async function weightFiles(folder: string): Promise<string[]> {
  const indexPath = join(folder, 'model.safetensors.index.json');
  if (await exists(indexPath)) {
    const index = JSON.parse(await readFile(indexPath, 'utf8')) as { weight_map?: Record<string, string> };
    const names = [...new Set(Object.values(index.weight_map ?? {}))].sort();
    const missing: string[] = [];
    for (const name of names) if (!(await exists(join(folder, name)))) missing.push(name);
    if (missing.length > 0) {
      throw new InvalidConfigError(
        `model.safetensors.index.json: all ${names.length} shards must exist, got ${names.length - missing.length}; fetch ${missing.join(', ')}`,
      );
    }
    return names.map((name) => join(folder, name));
  }
  const single = join(folder, 'model.safetensors');
  if (await exists(single)) return [single];
  await refusePickles(folder);
  throw new InvalidConfigError(`model.path: must hold model.safetensors, got none in ${folder}`);
}

/**
 * Pickle files run code when they are read, so they are never parsed.
 * @throws InvalidConfigError naming the first one of a folder, and how to convert it
 */
export async function refusePickles(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => /\.(bin|pt|pth)$/.test(name)).sort();
  if (names.includes('non_lora_trainables.bin')) {
    throw new InvalidConfigError(
      'non_lora_trainables.bin: must be safetensors, got a pickle file; merge and convert with convert_llava_weights_to_hf.py',
    );
  }
  if (names[0] === undefined) return;
  throw new InvalidConfigError(
    `${names[0]}: weights must be safetensors, got a pickle file; convert it: torch.load(weights_only=True), safetensors save_file`,
  );
}

async function openWeightFiles(folder: string): Promise<SafetensorsFile[]> {
  const files: SafetensorsFile[] = [];
  try {
    for (const path of await weightFiles(folder)) files.push(await openSafetensors(path));
    return files;
  } catch (error) {
    await Promise.all(files.map((file) => file.close()));
    throw error;
  }
}

interface Source {
  file: SafetensorsFile;
  stored: string;
  shape: number[];
}

function locate(files: SafetensorsFile[]): Map<string, Source> {
  const sources = new Map<string, Source>();
  for (const file of files) {
    for (const [stored, { shape }] of file.tensors) {
      const name = canonicalName(stored);
      if (name !== null) sources.set(name, { file, stored, shape });
    }
  }
  return sources;
}

function checkTensors(sources: ReadonlyMap<string, Source>, shapes: ReadonlyMap<string, number[]>): void {
  const missing = [...shapes]
    .filter(([name]) => !sources.has(name))
    .map(([name, shape]) => `${name} [${shape.join(', ')}]`);
  if (missing.length > 0) {
    throw new InvalidConfigError(
      `model: all ${shapes.size} tensors must exist, got ${shapes.size - missing.length}; missing: ${missing.slice(0, 10).join(', ')}`,
    );
  }
  for (const [name, shape] of shapes) {
    const got = sources.get(name)!.shape;
    if (got.join() !== shape.join()) {
      const hint = name.includes('projector') ? '; projector and vision tower do not belong together' : '';
      throw new InvalidConfigError(
        `${name.replace(/^model\./, '')}: must be [${shape.join(', ')}] by config.json, got [${got.join(', ')}]${hint}`,
      );
    }
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
