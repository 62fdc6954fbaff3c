import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidConfigError } from '../contracts/failures.ts';

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

type Json = Record<string, unknown>;

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
  return parseModelConfig(parseJson(text));
}

function parseJson(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw new InvalidConfigError(`config.json: must be valid JSON, got ${(error as Error).message}`);
  }
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
  if (config['quantization_config'] !== undefined) {
    throw new InvalidConfigError(
      'config.json: weights must not be quantised, got quantization_config; take the original folder',
    );
  }
  if (config['auto_map'] !== undefined) {
    throw new InvalidConfigError('config.json: model must not bring code of its own, got auto_map');
  }
  if (modelType === 'llama' || modelType === 'qwen2') return textModel(modelType, config);
  return modelType === 'llava' ? llava(config) : idefics3(modelType, config);
}

function textModel(modelType: 'llama' | 'qwen2', config: Json): Architecture {
  return {
    modelType,
    text: parseText(config, false),
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
  const vision = parseVision(section(config, 'vision_config'));
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
    text: parseText(section(config, 'text_config'), config['tie_word_embeddings'] === true),
    connector: { kind: 'mlp', bias: config['multimodal_projector_bias'] !== false },
    imageTokenId: count(config, config['image_token_index'] === undefined ? 'image_token_id' : 'image_token_index'),
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
  const vision: VisionConfig = {
    kind: 'idefics3',
    hiddenSize: count(given, 'hidden_size', 1152),
    intermediateSize: count(given, 'intermediate_size', 3072),
    layerCount: count(given, 'num_hidden_layers', 12),
    headCount: count(given, 'num_attention_heads', 16),
    imageSize: count(given, 'image_size', 224),
    patchSize: count(given, 'patch_size', 32),
    layerNormEpsilon: numeric(given, 'layer_norm_eps', 1e-6),
    activation: choice(given, 'hidden_act', ['gelu_pytorch_tanh', 'gelu'], 'gelu_pytorch_tanh'),
  };
  const scaleFactor = count(config, 'scale_factor', 2);
  const side = patchSide(vision);
  if (IRREGULAR_SIDES.has(side) || side > 64) {
    throw new InvalidConfigError(`config.json: patches a side must have positions of their own, got ${side} a side`);
  }
  if (side % scaleFactor !== 0) {
    throw new InvalidConfigError(
      `config.json: scale_factor must divide the ${side} patches of a side, got ${scaleFactor}`,
    );
  }
  return {
    modelType,
    vision,
    text: parseText(section(config, 'text_config'), config['tie_word_embeddings'] === true),
    connector: { kind: 'pixel_shuffle', scaleFactor },
    imageTokenId: count(config, 'image_token_id'),
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

function parseVision(config: Json): VisionConfig {
  const type = choice(config, 'model_type', ['clip_vision_model', 'siglip_vision_model'], 'clip_vision_model');
  const isClip = type === 'clip_vision_model';
  return {
    kind: isClip ? 'clip' : 'siglip',
    hiddenSize: count(config, 'hidden_size', 768),
    intermediateSize: count(config, 'intermediate_size', 3072),
    layerCount: count(config, 'num_hidden_layers', 12),
    headCount: count(config, 'num_attention_heads', 12),
    imageSize: count(config, 'image_size', 224),
    patchSize: count(config, 'patch_size', isClip ? 32 : 16),
    layerNormEpsilon: numeric(config, 'layer_norm_eps', isClip ? 1e-5 : 1e-6),
    activation: choice(
      config,
      'hidden_act',
      ['quick_gelu', 'gelu', 'gelu_pytorch_tanh'],
      isClip ? 'quick_gelu' : 'gelu_pytorch_tanh',
    ),
  };
}

function parseText(config: Json, tied: boolean): TextConfig {
  const isQwen = choice(config, 'model_type', ['llama', 'qwen2'], 'llama') === 'qwen2';
  choice(config, 'hidden_act', ['silu'], 'silu');
  if (isQwen && config['use_sliding_window'] === true)
    throw new InvalidConfigError('config.json: use_sliding_window must be false, got true');
  const rope = (config['rope_parameters'] ?? config['rope_scaling'] ?? {}) as Json;
  const ropeType = rope['rope_type'] ?? rope['type'] ?? 'default';
  if (ropeType !== 'default') {
    throw new InvalidConfigError(`config.json: rope_type must be default, got ${JSON.stringify(ropeType)}`);
  }
  const hiddenSize = count(config, 'hidden_size', 4096);
  const headCount = count(config, 'num_attention_heads', 32);
  const keyValueHeadCount = count(config, 'num_key_value_heads', headCount);
  if (headCount % keyValueHeadCount !== 0) {
    throw new InvalidConfigError(
      `config.json: num_key_value_heads must divide the ${headCount} heads, got ${keyValueHeadCount}`,
    );
  }
  return {
    hiddenSize,
    headCount,
    intermediateSize: count(config, 'intermediate_size', 11008),
    layerCount: count(config, 'num_hidden_layers', 32),
    keyValueHeadCount,
    headDimension: count(config, 'head_dim', hiddenSize / headCount),
    vocabularySize: count(config, 'vocab_size', 32000),
    maxPositions: count(config, 'max_position_embeddings', 2048),
    rmsNormEpsilon: numeric(config, 'rms_norm_eps', 1e-6),
    ropeTheta: numeric('rope_theta' in rope ? rope : config, 'rope_theta', 10_000),
    // Qwen2 has it always, and none in o.
    attentionBias: isQwen || config['attention_bias'] === true,
    outputBias: !isQwen && config['attention_bias'] === true,
    mlpBias: config['mlp_bias'] === true,
    tiedHead: config['tie_word_embeddings'] === true || tied,
  };
}

function section(config: Json, key: string): Json {
  const value = config[key];
  if (typeof value === 'object' && value !== null) return value as Json;
  throw new InvalidConfigError(`config.json: ${key} must be an object, got ${JSON.stringify(value) ?? 'nothing'}`);
}

function numeric(config: Json, key: string, otherwise?: number): number {
  const value = config[key] ?? otherwise;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new InvalidConfigError(`config.json: ${key} must be a number, got ${JSON.stringify(value) ?? 'nothing'}`);
}

function integer(config: Json, key: string, otherwise: number): number {
  const value = numeric(config, key, otherwise);
  if (Number.isInteger(value)) return value;
  throw new InvalidConfigError(`config.json: ${key} must be one whole number, got ${value}`);
}

function count(config: Json, key: string, otherwise?: number): number {
  const value = numeric(config, key, otherwise);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidConfigError(`config.json: ${key} must be a positive whole number, got ${value}`);
}

function choice<Choice extends string>(
  config: Json,
  key: string,
  choices: readonly Choice[],
  otherwise: Choice,
): Choice {
  const value = config[key] ?? otherwise;
  const found = choices.find((candidate) => candidate === value);
  if (found !== undefined) return found;
  throw new InvalidConfigError(`config.json: ${key} must be ${choices.join(' or ')}, got ${JSON.stringify(value)}`);
}
