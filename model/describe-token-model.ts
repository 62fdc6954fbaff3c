// Models whose rows come as tokens and vectors, by their `config.json`.
import { readArchitecture } from './architectures/read-architecture.ts';
import type { ModelDescription } from './engine.ts';
import { sizesOf } from './memory/model-sizes.ts';

/** @throws InvalidConfigError as `readArchitecture` */
export async function describeTokenModel(folder: string): Promise<ModelDescription> {
  const architecture = await readArchitecture(folder);
  const sizes = sizesOf(architecture);
  return {
    decoder: { path: architecture.decoderPath, layers: sizes.layers },
    parameterCount: sizes.parameterCount,
    sizes,
    processor: null,
  };
}
