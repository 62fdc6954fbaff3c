// Decoders: what `text_config` says, with transformers' own defaults.
import type { JsonObject } from '../../contracts/json-object.ts';
import type { TextConfig } from './architecture.ts';
import { choice, count, epsilon, flag, has, positive, refusal, requireDivisor, section } from './config-fields.ts';

/** Defaults of `LlamaConfig` and `Qwen2Config` where they differ (transformers 5.24); null = as many as heads. */
const TEXT_DEFAULTS = {
  llama: { intermediateSize: 11_008, vocabularySize: 32_000, maxPositions: 2_048, keyValueHeadCount: null },
  qwen2: { intermediateSize: 22_016, vocabularySize: 151_936, maxPositions: 32_768, keyValueHeadCount: 32 },
};

/** Reads `text_config`. @param tied whether the head is the embedding */
export function parseText(config: JsonObject, tied: boolean): TextConfig {
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

/** Whether the head is the embedding. */
export const isTied = (config: JsonObject): boolean => flag(config, 'tie_word_embeddings', false);

/** Every position sees all earlier ones: no layer looks through a window. */
function refuseWindows(config: JsonObject): void {
  if (flag(config, 'use_sliding_window', false)) throw refusal('use_sliding_window', 'false', true);
  const types = config['layer_types'] ?? [];
  if (!Array.isArray(types) || types.some((type) => type !== 'full_attention'))
    throw refusal('layer_types', 'a list of full_attention', types);
}

/**
 * Base θ of the rotary positions. Of the two styles of settings `rope_scaling` goes first, if it says anything; neither
 * may ask for scaled positions.
 * @see transformers 5 `RotaryEmbeddingConfigMixin.convert_rope_params_to_dict`
 */
function ropeTheta(config: JsonObject): number {
  const styles = ['rope_scaling', 'rope_parameters']
    .filter((key) => has(config, key))
    .map((key) => section(config, key));
  for (const style of styles) for (const key of ['rope_type', 'type']) choice(style, key, ['default'], 'default');
  const used = styles.find((style) => Object.keys(style).length > 0) ?? {};
  return positive(has(used, 'rope_theta') ? used : config, 'rope_theta', 10_000);
}
