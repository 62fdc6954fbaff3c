// Models of text alone: Llama and Qwen2.
import type { JsonObject } from '../../contracts/json-object.ts';
import { NO_FRAME } from './architecture.ts';
import type { Architecture, ArchitectureKind } from './architecture.ts';
import { isTied, parseText } from './text.ts';

/** How `config.json` of Llama and Qwen2 is read, and how their weights are named here. */
export const textAlone: ArchitectureKind = {
  modelTypes: ['llama', 'qwen2'],
  takesPictures: false,
  renames: [[/^(?=(layers|embed_tokens|norm)\.)/, 'language_model.']],
  parse,
};

function parse(config: JsonObject, modelType: string): Architecture {
  return {
    modelType,
    decoderPath: 'model',
    text: parseText(config, isTied(config)),
    vision: null,
    connector: { kind: 'mlp', bias: false },
    visionFeatureLayer: -1,
    visionFeatureStrategy: 'full',
    imageTokenId: -1,
    imageTokenCount: 0,
    imageFrame: NO_FRAME,
  };
}
