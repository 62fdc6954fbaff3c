// Idefics3 and SmolVLM: SigLIP with a norm behind it, neighbouring patches joined, a decoder of Llama.
import { InvalidConfigError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json-object.ts';
import { patchSide } from './architecture.ts';
import type { Architecture, ArchitectureKind } from './architecture.ts';
import { choice, count, requireDivisor, section } from './config-fields.ts';
import { isTied, parseText } from './text.ts';
import { parseVision } from './vision.ts';

/** How `config.json` of Idefics3 and SmolVLM is read, and how their weights are named here. */
export const idefics3: ArchitectureKind = {
  modelTypes: ['idefics3', 'smolvlm'],
  takesPictures: true,
  renames: [
    [/^text_model\./, 'language_model.'],
    [/^vision_model\./, 'vision_tower.'],
  ],
  parse,
};

/** Patches a side for which transformers' float arithmetic gives two patches the same position. */
const IRREGULAR_SIDES = new Set([19, 25, 29, 31, 38, 40, 41, 43, 47, 49, 50, 54, 55, 58, 59, 61, 62]);

function parse(config: JsonObject, modelType: string): Architecture {
  const given = section(config, 'vision_config');
  choice(given, 'model_type', ['idefics3', 'idefics3_vision', 'smolvlm_vision', 'smolvlm'], 'idefics3');
  const vision = parseVision(given, 'idefics3');
  const side = patchSide(vision);
  if (IRREGULAR_SIDES.has(side) || side > 64) {
    throw new InvalidConfigError(`config.json: patches a side must have positions of their own, got ${side} a side`);
  }
  const scaleFactor = count(config, 'scale_factor', 2);
  requireDivisor('scale_factor', scaleFactor, side, 'the patches of a side');
  return {
    modelType,
    decoderPath: 'model.text_model',
    vision,
    // The decoder's own flag is not asked.
    text: parseText(section(config, 'text_config'), isTied(config)),
    connector: { kind: 'pixel_shuffle', scaleFactor },
    imageTokenId: count(config, 'image_token_id', 128_257),
    visionFeatureLayer: -1,
    visionFeatureStrategy: 'full',
    imageTokenCount: (side / scaleFactor) ** 2,
    imageFrame: { before: '<fake_token_around_image><global-img>', after: '<fake_token_around_image>' },
  };
}
