import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidConfigError } from '../contracts/failures.ts';

/** Sizes of a CLIP vision tower, as in `vision_config`. */
export interface VisionConfig {
  hiddenSize: number;
  intermediateSize: number;
  layerCount: number;
  headCount: number;
  imageSize: number;
  patchSize: number;
  layerNormEpsilon: number;
  activation: 'quick_gelu' | 'gelu';
}

/** Sizes of a Llama decoder, as in `text_config`. */
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
  attentionBias: boolean;
  mlpBias: boolean;
  tiedHead: boolean;
}

/** What `config.json` says about a LLaVA model. */
export interface LlavaConfig {
  vision: VisionConfig;
  text: TextConfig;
  imageTokenId: number;
  /** Hidden state that is taken: −1 = after the last layer, −2 = before it; 0 = after `pre_layrnorm`. */
  visionFeatureLayer: number;
  /** `default` drops the class token, `full` keeps it. */
  visionFeatureStrategy: 'default' | 'full';
  projectorBias: boolean;
  /** Tokens that one picture takes in the text: (imageSize / patchSize)², one more for `full`. */
  imageTokenCount: number;
}

type Json = Record<string, unknown>;

/**
 * Reads `config.json` of a model folder in Hugging Face layout (transformers 4 and 5).
 * @throws InvalidConfigError for a folder without it, another architecture, or settings that change the mathematics.
 */
export async function readModelConfig(folder: string): Promise<LlavaConfig> {
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
export function parseModelConfig(config: Json): LlavaConfig {
  if (config['model_type'] !== 'llava') {
    const hint = String(config['model_type']).startsWith('llava_') ? '; image tiles are not supported' : '';
    throw new InvalidConfigError(
      `config.json: model_type must be llava, got ${JSON.stringify(config['model_type'])}${hint}`,
    );
  }
  if (config['quantization_config'] !== undefined) {
    throw new InvalidConfigError(
      'config.json: weights must not be quantised, got quantization_config; take the original folder',
    );
  }
  const vision = parseVision(section(config, 'vision_config'));
  const strategy = choice(config, 'vision_feature_select_strategy', ['default', 'full'], 'default');
  choice(config, 'projector_hidden_act', ['gelu'], 'gelu');
  return {
    vision,
    text: parseText(section(config, 'text_config'), config['tie_word_embeddings'] === true),
    imageTokenId: count(config, config['image_token_index'] === undefined ? 'image_token_id' : 'image_token_index'),
    visionFeatureLayer: integer(config, 'vision_feature_layer', -2),
    visionFeatureStrategy: strategy,
    projectorBias: config['multimodal_projector_bias'] !== false,
    imageTokenCount: Math.floor(vision.imageSize / vision.patchSize) ** 2 + (strategy === 'full' ? 1 : 0),
  };
}

function parseVision(config: Json): VisionConfig {
  choice(config, 'model_type', ['clip_vision_model'], 'clip_vision_model');
  return {
    hiddenSize: count(config, 'hidden_size', 768),
    intermediateSize: count(config, 'intermediate_size', 3072),
    layerCount: count(config, 'num_hidden_layers', 12),
    headCount: count(config, 'num_attention_heads', 12),
    imageSize: count(config, 'image_size', 224),
    patchSize: count(config, 'patch_size', 32),
    layerNormEpsilon: numeric(config, 'layer_norm_eps', 1e-5),
    activation: choice(config, 'hidden_act', ['quick_gelu', 'gelu'], 'quick_gelu'),
  };
}

function parseText(config: Json, tied: boolean): TextConfig {
  choice(config, 'model_type', ['llama'], 'llama');
  choice(config, 'hidden_act', ['silu'], 'silu');
  const rope = (config['rope_parameters'] ?? config['rope_scaling'] ?? {}) as Json;
  const ropeType = rope['rope_type'] ?? rope['type'] ?? 'default';
  if (ropeType !== 'default') {
    throw new InvalidConfigError(`config.json: rope_type must be default, got ${JSON.stringify(ropeType)}`);
  }
  const hiddenSize = count(config, 'hidden_size', 4096);
  const headCount = count(config, 'num_attention_heads', 32);
  return {
    hiddenSize,
    headCount,
    intermediateSize: count(config, 'intermediate_size', 11008),
    layerCount: count(config, 'num_hidden_layers', 32),
    keyValueHeadCount: count(config, 'num_key_value_heads', headCount),
    headDimension: count(config, 'head_dim', hiddenSize / headCount),
    vocabularySize: count(config, 'vocab_size', 32000),
    maxPositions: count(config, 'max_position_embeddings', 2048),
    rmsNormEpsilon: numeric(config, 'rms_norm_eps', 1e-6),
    ropeTheta: numeric('rope_theta' in rope ? rope : config, 'rope_theta', 10_000),
    attentionBias: config['attention_bias'] === true,
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
