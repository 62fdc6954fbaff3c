// Which engine computes.
import type { EngineName } from '../contracts/config.ts';
import type { Engine } from './engine.ts';

/**
 * Loads the engine. `auto` takes the native TensorFlow library where its addon loads, else wasm, and says why; a name
 * takes that one or fails.
 * @throws InvalidConfigError `engine: the tensorflow addon must load, got …` for `tensorflow` by name
 */
export async function loadEngine(name: 'auto' | EngineName): Promise<Engine> {
  const { loadTensorflow } = await import('./tensorflow/engine.ts');
  return loadTensorflow(name);
}
