// Which engine computes.
import type { Dtype, EngineName, ModelConfig } from '../contracts/config.ts';
import { InvalidConfigError } from '../contracts/failures.ts';
import { readArchitecture } from './architectures/read-architecture.ts';
import type { Engine } from './engine.ts';
import { deviceMemory } from './memory/machine-memory.ts';
import { torchPython } from './torch/python.ts';

/**
 * The engine of a config's model: `auto` is torch where it is set up and there is a GPU, or TensorFlow's code does not
 * read the model; else it stays with TensorFlow, which takes its best backend.
 */
export async function chooseEngine({
  engine,
  path,
}: Pick<ModelConfig, 'engine' | 'path'>): Promise<'auto' | EngineName> {
  if (engine !== 'auto' || torchPython() === null) return engine;
  if (process.env['CUDA_VISIBLE_DEVICES'] !== '-1' && deviceMemory() !== null) return 'torch';
  try {
    await readArchitecture(path);
    return 'auto';
  } catch (error) {
    if (!(error instanceof InvalidConfigError)) throw error;
    return 'torch';
  }
}

/**
 * Loads the engine. `auto` takes the native TensorFlow library where its addon loads, else wasm, and says why; a name
 * takes that one or fails.
 * @throws InvalidConfigError `engine: the tensorflow addon must load, got …` for `tensorflow` by name; for `torch`
 * without its Python; for a dtype that the engine does not have
 */
export async function loadEngine(name: 'auto' | EngineName, dtype: Dtype = 'auto'): Promise<Engine> {
  if (name === 'torch') {
    const { loadTorch } = await import('./torch/engine.ts');
    return loadTorch(dtype);
  }
  if (dtype === 'bfloat16')
    throw new InvalidConfigError(
      `model.dtype: must be auto or float32 for engine ${name === 'auto' ? 'tensorflow' : name}, got bfloat16; ` +
        'set model.engine: torch',
    );
  const { loadTensorflow } = await import('./tensorflow/engine.ts');
  return loadTensorflow(name);
}
