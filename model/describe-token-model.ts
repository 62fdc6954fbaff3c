// Models whose rows come as tokens and vectors, by their `config.json`.
import { readArchitecture } from './architectures/read-architecture.ts';
import type { ModelDescription } from './engine.ts';
import { countParameters, linearLayers, weightShapes } from './weight-shapes.ts';

/** @throws InvalidConfigError as `readArchitecture` */
export async function describeTokenModel(folder: string): Promise<ModelDescription> {
  const architecture = await readArchitecture(folder);
  return {
    decoder: { path: architecture.decoderPath, layers: linearLayers(architecture.text) },
    parameterCount: countParameters(weightShapes(architecture)),
    processor: null,
  };
}
