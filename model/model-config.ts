import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidConfigError } from '../contracts/failures.ts';
import { isJsonObject, parseJsonObject } from '../contracts/json-object.ts';
import type { JsonObject as Json } from '../contracts/json-object.ts';
import {
  choice,
  count,
  epsilon,
  flag,
  has,
  integer,
  positive,
  refusal,
  requireDivisor,
  section,
} from './config-fields.ts';

/** Architectures that are read. `llama` and `qwen2` alone are models of text. */
export const MODEL_TYPES = ['llava', 'idefics3', 'smolvlm', 'llama', 'qwen2'] as const;
export type ModelType = (typeof MODEL_TYPES)[number];

/** Sizes of a vision tower, as in `vision_config`. */
export interface VisionConfig {
  /**
   * `clip`: class token, norm in front. `siglip`: neither, bias in the patch embedding. `idefics3`: as SigLIP, with a norm
   * at the end.
   */
  kind: 'clip' | 'siglip' | 'idefics3';
  hiddenSize: number;
  intermediateSize: number;
  layerCount: number;
  headCount: number;
  imageSize: number;
  patchSize: number;
  layerNormEpsilon: number;
  activation: 'quick_gelu' | 'gelu' | 'gelu_pytorch_tanh';
}

/** Sizes of a decoder, as in `text_config`. */
export interface TextConfig {
  hiddenSize: number;
  intermediateSize: number;
  layerCount: number;
  headCount: number;
  keyValueHeadCount: number;
  headDimension: number;
  vocabularySize: number;
  maxPositions: number;
  rmsNormEpsilon: number;
  ropeTheta: number;
  /** Bias of q, k and v. */
  attentionBias: boolean;
  /** Bias of o. */
  outputBias: boolean;
  mlpBias: boolean;
  tiedHead: boolean;
}

/** From the tower's vectors to the decoder's: LLaVA's two layers, or neighbours joined and one layer. */
export type Connector = { kind: 'mlp'; bias: boolean } | { kind: 'pixel_shuffle'; scaleFactor: number };

/** What `config.json` says about a model. */
export interface Architecture {
  modelType: ModelType;
  text: TextConfig;
  /** Null for a model of text. */
  vision: VisionConfig | null;
  connector: Connector;
  /** Hidden state that is taken: −1 = after the last layer, −2 = before it; 0 = after the embeddings. */
  visionFeatureLayer: number;
  /** `default` drops the first vector, CLIP's class token; `full` keeps it. */
  visionFeatureStrategy: 'default' | 'full';
  /** Id that stands once for every vector of a picture; −1 for a model of text. */
  imageTokenId: number;
  /** Vectors of one picture; 0 for a model of text. */
  imageTokenCount: number;
  /** Texts of special tokens that stand around a picture's vectors. */
  imageFrame: { before: string; after: string };
}

/**
 * Reads `config.json` of a model folder in Hugging Face layout (transformers 4 and 5).
 * @throws InvalidConfigError for a folder without it, another architecture, or settings that change the mathematics.
 */
export async function readModelConfig(folder: string): Promise<Architecture> {
  let text: string;
  try {
    text = await readFile(join(folder, 'config.json'), 'utf8');
  } catch {
    throw new InvalidConfigError(`model.path: must hold config.json, got ${await describeFolder(folder)}`);
  }
  return parseModelConfig(parseJsonObject(text, 'config.json'));
}

async function describeFolder(folder: string): Promise<string> {
  try {
    const names = await readdir(folder);
    return `a folder with ${names.length} files (${names.slice(0, 3).join(', ')}${names.length > 3 ? ', …' : ''})`;
  } catch {
    return `no folder at ${folder}`;
  }
}

/** @see readModelConfig; the same for a parsed `config.json`. */
export function parseModelConfig(config: Json): Architecture {
  const modelType = MODEL_TYPES.find((type) => type === config['model_type']);
  if (modelType === undefined) {
    const hint = /^llava_(next|onevision)/.test(String(config['model_type']))
      ? '; image tiles are not supported'
      : `; of text alone: llama or qwen2`;
    throw new InvalidConfigError(
      `config.json: model_type must be llava, idefics3 or smolvlm, got ${JSON.stringify(config['model_type'])}${hint}`,
    );
  }
  const parts = [config, config['text_config'], config['vision_config']].filter(isJsonObject);
  if (parts.some((part) => has(part, 'quantization_config'))) {
    throw new InvalidConfigError(
      'config.json: weights must not be quantised, got quantization_config; take the original folder',
    );
  }
  if (has(config, 'auto_map')) {
    throw new InvalidConfigError('config.json: model must not bring code of its own, got auto_map');
  }
  if (modelType === 'llama' || modelType === 'qwen2') return textModel(modelType, config);
  return modelType === 'llava' ? llava(config) : idefics3(modelType, config);
}

function textModel(modelType: 'llama' | 'qwen2', config: Json): Architecture {
  return {
    modelType,
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

const NO_FRAME = { before: '', after: '' };

function llava(config: Json): Architecture {
  const [given, text] = [section(config, 'vision_config'), section(config, 'text_config')];
  const type = choice(given, 'model_type', ['clip_vision_model', 'siglip_vision_model'], 'clip_vision_model');
  const vision = parseVision(given, type === 'clip_vision_model' ? 'clip' : 'siglip');
  const strategy = choice(config, 'vision_feature_select_strategy', ['default', 'full'], 'default');
  choice(config, 'projector_hidden_act', ['gelu'], 'gelu');
  const vectorCount = patchSide(vision) ** 2 + (vision.kind === 'clip' ? 1 : 0);
  const visionFeatureLayer = integer(config, 'vision_feature_layer', -2);
  if (visionFeatureLayer > vision.layerCount || visionFeatureLayer < -vision.layerCount - 1) {
    throw new InvalidConfigError(
      `config.json: vision_feature_layer must be one of ${vision.layerCount} layers, got ${visionFeatureLayer}`,
    );
  }
  return {
    modelType: 'llava',
    vision,
    // Saved in either place: transformers copies the decoder's to the top.
    text: parseText(text, isTied(config) || isTied(text)),
    connector: { kind: 'mlp', bias: flag(config, 'multimodal_projector_bias', true) },
    imageTokenId: count(config, has(config, 'image_token_index') ? 'image_token_index' : 'image_token_id', 32_000),
    visionFeatureLayer,
    visionFeatureStrategy: strategy,
    imageTokenCount: vectorCount - (strategy === 'default' ? 1 : 0),
    imageFrame: NO_FRAME,
  };
}

/** Patches a side for which transformers' float arithmetic gives two patches the same position. */
const IRREGULAR_SIDES = new Set([19, 25, 29, 31, 38, 40, 41, 43, 47, 49, 50, 54, 55, 58, 59, 61, 62]);

function idefics3(modelType: 'idefics3' | 'smolvlm', config: Json): Architecture {
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

/** Patches along one side of a picture. */
export function patchSide({ imageSize, patchSize }: Pick<VisionConfig, 'imageSize' | 'patchSize'>): number {
  return Math.floor(imageSize / patchSize);
}

/** Defaults of `CLIPVisionConfig`, `SiglipVisionConfig`, `Idefics3VisionConfig` (transformers 5.24). */
const VISION_DEFAULTS: Record<VisionConfig['kind'], Omit<VisionConfig, 'kind' | 'intermediateSize' | 'imageSize'>> = {
  clip: {
    ...{ hiddenSize: 768, layerCount: 12, headCount: 12, patchSize: 32 },
    ...{ layerNormEpsilon: 1e-5, activation: 'quick_gelu' },
  },
  siglip: {
    ...{ hiddenSize: 768, layerCount: 12, headCount: 12, patchSize: 16 },
    ...{ layerNormEpsilon: 1e-6, activation: 'gelu_pytorch_tanh' },
  },
  idefics3: {
    ...{ hiddenSize: 1152, layerCount: 12, headCount: 16, patchSize: 32 },
    ...{ layerNormEpsilon: 1e-6, activation: 'gelu_pytorch_tanh' },
  },
};

function parseVision(config: Json, kind: VisionConfig['kind']): VisionConfig {
  const defaults = VISION_DEFAULTS[kind];
  const vision: VisionConfig = {
    kind,
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

/** Defaults of `LlamaConfig` and `Qwen2Config` where they differ (transformers 5.24); null = as many as heads. */
const TEXT_DEFAULTS = {
  llama: { intermediateSize: 11_008, vocabularySize: 32_000, maxPositions: 2_048, keyValueHeadCount: null },
  qwen2: { intermediateSize: 22_016, vocabularySize: 151_936, maxPositions: 32_768, keyValueHeadCount: 32 },
};

/** @param tied whether the head is the embedding */
function parseText(config: Json, tied: boolean): TextConfig {
  const type = choice(config, 'model_type', ['llama', 'qwen2'], 'llama');
  const defaults = TEXT_DEFAULTS[type];
  choice(config, 'hidden_act', ['silu'], 'silu');
  if (type === 'qwen2') refuseWindows(config);
  const hiddenSize = count(config, 'hidden_size', 4096);
  const headCount = count(config, 'num_attention_heads', 32);
  // A missing key has the default, null stands for as many as heads.
  const otherwise = config['num_key_value_heads'] === null ? null : defaults.keyValueHeadCount;
  const keyValueHeadCount = count(config, 'num_key_value_heads', otherwise ?? headCount);
  requireDivisor('num_key_value_heads', keyValueHeadCount, headCount, 'num_attention_heads');
  if (!has(config, 'head_dim')) requireDivisor('num_attention_heads', headCount, hiddenSize, 'hidden_size');
  const headDimension = count(config, 'head_dim', hiddenSize / headCount);
  if (headDimension % 2 !== 0) throw refusal('head_dim', 'even, as rotary positions need', headDimension);
  const hasBias = flag(config, 'attention_bias', false);
  return {
    hiddenSize,
    headCount,
    intermediateSize: count(config, 'intermediate_size', defaults.intermediateSize),
    layerCount: count(config, 'num_hidden_layers', 32),
    keyValueHeadCount,
    headDimension,
    vocabularySize: count(config, 'vocab_size', defaults.vocabularySize),
    maxPositions: count(config, 'max_position_embeddings', defaults.maxPositions),
    rmsNormEpsilon: epsilon(config, 'rms_norm_eps', 1e-6),
    ropeTheta: ropeTheta(config),
    // Qwen2 has it always, and none in o or the MLP.
    attentionBias: type === 'qwen2' || hasBias,
    outputBias: type === 'llama' && hasBias,
    mlpBias: flag(config, 'mlp_bias', false) && type === 'llama',
    tiedHead: tied,
  };
}

const isTied = (config: Json): boolean => flag(config, 'tie_word_embeddings', false);

/** Every position sees all earlier ones: no layer looks through a window. */
function refuseWindows(config: Json): void {
  if (flag(config, 'use_sliding_window', false)) throw refusal('use_sliding_window', 'false', true);
  const types = config['layer_types'] ?? [];
  if (!Array.isArray(types) || types.some((type) => type !== 'full_attention'))
    throw refusal('layer_types', 'a list of full_attention', types);
}

/**
 * Base θ of the rotary positions. Of the two styles of settings `rope_scaling` goes first, if it says anything; neither may
 * ask for scaled positions.
 * @see transformers 5 `RotaryEmbeddingConfigMixin.convert_rope_params_to_dict`
 */
function ropeTheta(config: Json): number {
  const styles = ['rope_scaling', 'rope_parameters']
    .filter((key) => has(config, key))
    .map((key) => section(config, key));
  for (const style of styles) for (const key of ['rope_type', 'type']) choice(style, key, ['default'], 'default');
  const used = styles.find((style) => Object.keys(style).length > 0) ?? {};
  return positive(has(used, 'rope_theta') ? used : config, 'rope_theta', 10_000);
}
