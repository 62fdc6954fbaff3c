// Vision towers: what `vision_config` says, with transformers' own defaults.
import type { JsonObject } from '../../contracts/json-object.ts';
import type { VisionConfig } from './architecture.ts';
import { choice, count, epsilon, refusal, requireDivisor } from './config-fields.ts';

/** Towers and the defaults of `CLIPVisionConfig`, `SiglipVisionConfig`, `Idefics3VisionConfig` (transformers 5.24). */
const TOWERS = {
  clip: {
    classToken: true,
    norm: 'pre_layrnorm',
    hiddenSize: 768,
    layerCount: 12,
    headCount: 12,
    patchSize: 32,
    layerNormEpsilon: 1e-5,
    activation: 'quick_gelu',
  },
  siglip: {
    classToken: false,
    norm: null,
    hiddenSize: 768,
    layerCount: 12,
    headCount: 12,
    patchSize: 16,
    layerNormEpsilon: 1e-6,
    activation: 'gelu_pytorch_tanh',
  },
  idefics3: {
    classToken: false,
    norm: 'post_layernorm',
    hiddenSize: 1152,
    layerCount: 12,
    headCount: 16,
    patchSize: 32,
    layerNormEpsilon: 1e-6,
    activation: 'gelu_pytorch_tanh',
  },
} as const satisfies Record<string, Omit<VisionConfig, 'intermediateSize' | 'imageSize'>>;

/** The towers that are read. */
export type TowerKind = keyof typeof TOWERS;

/** Reads `vision_config`. */
export function parseVision(config: JsonObject, kind: TowerKind): VisionConfig {
  const defaults = TOWERS[kind];
  const vision: VisionConfig = {
    classToken: defaults.classToken,
    norm: defaults.norm,
    hiddenSize: count(config, 'hidden_size', defaults.hiddenSize),
    intermediateSize: count(config, 'intermediate_size', 3072),
    layerCount: count(config, 'num_hidden_layers', defaults.layerCount),
    headCount: count(config, 'num_attention_heads', defaults.headCount),
    imageSize: count(config, 'image_size', 224),
    patchSize: count(config, 'patch_size', defaults.patchSize),
    layerNormEpsilon: epsilon(config, 'layer_norm_eps', defaults.layerNormEpsilon),
    activation: choice(config, 'hidden_act', ['quick_gelu', 'gelu', 'gelu_pytorch_tanh'], defaults.activation),
  };
  const { hiddenSize, headCount, imageSize, patchSize } = vision;
  requireDivisor('vision_config.num_attention_heads', headCount, hiddenSize, 'hidden_size');
  if (imageSize < patchSize) throw refusal('image_size', `at least patch_size, ${patchSize}`, imageSize);
  if (count(config, 'num_channels', 3) !== 3) throw refusal('num_channels', '3', config['num_channels']);
  return vision;
}
