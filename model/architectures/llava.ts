// LLaVA: a tower of CLIP or SigLIP, two linear layers, a decoder of Llama or Qwen2.
import { InvalidConfigError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json-object.ts';
import { NO_FRAME, towerVectorCount } from './architecture.ts';
import type { Architecture, ArchitectureKind } from './architecture.ts';
import { choice, count, flag, has, integer, section } from './config-fields.ts';
import { isTied, parseText } from './text.ts';
import { parseVision } from './vision.ts';

/** How `config.json` of LLaVA is read, and how its weights are named: as first released, and as transformers does. */
export const llava: ArchitectureKind = {
  modelTypes: ['llava'],
  takesPictures: true,
  renames: [
    [/^language_model\.model\./, 'language_model.'],
    // As first released.
    [/^mm_projector\.0\./, 'multi_modal_projector.linear_1.'],
    [/^mm_projector\.2\./, 'multi_modal_projector.linear_2.'],
    [/^vision_tower\.(vision_tower\.)?vision_model\./, 'vision_tower.'],
  ],
  parse,
};

function parse(config: JsonObject): Architecture {
  const [given, text] = [section(config, 'vision_config'), section(config, 'text_config')];
  const type = choice(given, 'model_type', ['clip_vision_model', 'siglip_vision_model'], 'clip_vision_model');
  const vision = parseVision(given, type === 'clip_vision_model' ? 'clip' : 'siglip');
  const strategy = choice(config, 'vision_feature_select_strategy', ['default', 'full'], 'default');
  choice(config, 'projector_hidden_act', ['gelu'], 'gelu');
  const visionFeatureLayer = integer(config, 'vision_feature_layer', -2);
  if (visionFeatureLayer > vision.layerCount || visionFeatureLayer < -vision.layerCount - 1) {
    throw new InvalidConfigError(
      `config.json: vision_feature_layer must be one of ${vision.layerCount} layers, got ${visionFeatureLayer}`,
    );
  }
  return {
    modelType: 'llava',
    decoderPath: 'model.language_model',
    vision,
    // Saved in either place: transformers copies the decoder's to the top.
    text: parseText(text, isTied(config) || isTied(text)),
    connector: { kind: 'mlp', bias: flag(config, 'multimodal_projector_bias', true) },
    imageTokenId: count(config, has(config, 'image_token_index') ? 'image_token_index' : 'image_token_id', 32_000),
    visionFeatureLayer,
    visionFeatureStrategy: strategy,
    imageTokenCount: towerVectorCount(vision) - (strategy === 'default' ? 1 : 0),
    imageFrame: NO_FRAME,
  };
}
