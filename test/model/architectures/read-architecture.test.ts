import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { InvalidConfigError } from '../../../contracts/failures.ts';
import { ARCHITECTURES } from '../../../model/architectures/architectures.ts';
import { parseArchitecture } from '../../../model/architectures/read-architecture.ts';

/** The sections of a LLaVA that has everything by default. */
const LLAVA = { model_type: 'llava', vision_config: {}, text_config: {} };
const IDEFICS = { model_type: 'idefics3', vision_config: { image_size: 256 }, text_config: {} };
const QWEN = { model_type: 'qwen2' };
const LLAMA = { model_type: 'llama' };

describe('config.json', () => {
  test('says nothing of a size where transformers has it by default', () => {
    const llama = {
      hiddenSize: 4096,
      intermediateSize: 11_008,
      layerCount: 32,
      headCount: 32,
      keyValueHeadCount: 32,
      headDimension: 128,
      vocabularySize: 32_000,
      maxPositions: 2048,
      rmsNormEpsilon: 1e-6,
      ropeTheta: 10_000,
      attentionBias: false,
      outputBias: false,
      mlpBias: false,
      tiedHead: false,
    };
    const clip = {
      classToken: true,
      norm: 'pre_layrnorm',
      hiddenSize: 768,
      intermediateSize: 3072,
      layerCount: 12,
      headCount: 12,
      imageSize: 224,
      patchSize: 32,
      layerNormEpsilon: 1e-5,
      activation: 'quick_gelu',
    };
    expect(parseArchitecture(LLAMA).text).toEqual(llama);
    expect(parseArchitecture(QWEN).text).toEqual({
      ...llama,
      intermediateSize: 22_016,
      vocabularySize: 151_936,
      maxPositions: 32_768,
      attentionBias: true,
    });
    expect(parseArchitecture(LLAVA)).toMatchObject({
      text: llama,
      vision: clip,
      imageTokenId: 32_000,
      imageTokenCount: 49,
      visionFeatureLayer: -2,
      visionFeatureStrategy: 'default',
      connector: { kind: 'mlp', bias: true },
    });
    const siglip = {
      ...clip,
      classToken: false,
      norm: null,
      patchSize: 16,
      layerNormEpsilon: 1e-6,
      activation: 'gelu_pytorch_tanh',
    };
    expect(parseArchitecture({ ...LLAVA, vision_config: { model_type: 'siglip_vision_model' } }).vision).toEqual(
      siglip,
    );
    expect(parseArchitecture(IDEFICS)).toMatchObject({
      vision: { ...siglip, norm: 'post_layernorm', hiddenSize: 1152, headCount: 16, patchSize: 32, imageSize: 256 },
      imageTokenId: 128_257,
      connector: { kind: 'pixel_shuffle', scaleFactor: 2 },
    });
  });

  test('takes null for a missing key', () => {
    const nothing = { quantization_config: null, auto_map: null, rope_scaling: null, rope_parameters: null };
    expect(parseArchitecture({ ...LLAMA, ...nothing, head_dim: null })).toEqual(parseArchitecture(LLAMA));
    const { keyValueHeadCount } = parseArchitecture({
      ...QWEN,
      num_attention_heads: 16,
      num_key_value_heads: null,
    }).text;
    expect(keyValueHeadCount).toBe(16);
  });

  test('has θ in either style, rope_scaling before rope_parameters before its own key', () => {
    const theta = (given: object): number => parseArchitecture({ ...LLAMA, ...given }).text.ropeTheta;
    expect(theta({ rope_theta: 5 })).toBe(5);
    expect(theta({ rope_theta: 5, rope_parameters: { rope_type: 'default' } })).toBe(5);
    expect(theta({ rope_theta: 5, rope_parameters: { rope_theta: 6 } })).toBe(6);
    expect(theta({ rope_scaling: { type: 'default', rope_theta: 7 }, rope_parameters: { rope_theta: 6 } })).toBe(7);
    expect(theta({ rope_scaling: {}, rope_parameters: { rope_theta: 6 } })).toBe(6);
  });

  test('ties the head of LLaVA by either flag, of Idefics3 by the upper one alone', () => {
    const tied = (config: object, upper: boolean, lower: boolean): boolean =>
      parseArchitecture({ ...config, tie_word_embeddings: upper, text_config: { tie_word_embeddings: lower } }).text
        .tiedHead;
    expect([tied(LLAVA, false, true), tied(LLAVA, true, false), tied(LLAVA, false, false)]).toEqual([
      true,
      true,
      false,
    ]);
    expect([tied(IDEFICS, false, true), tied(IDEFICS, true, false)]).toEqual([false, true]);
  });

  test('of Qwen2 has no biases but those of q, k and v, whatever it says', () => {
    const { text } = parseArchitecture({ ...QWEN, mlp_bias: true, attention_bias: true });
    expect(text).toMatchObject({ attentionBias: true, outputBias: false, mlpBias: false });
  });

  test.each<[object, string]>([
    [{ num_attention_heads: 5 }, 'num_attention_heads must be a divisor of hidden_size, 4,096, got 5'],
    [{ num_key_value_heads: 5 }, 'num_key_value_heads must be a divisor of num_attention_heads, 32, got 5'],
    [{ ...QWEN, num_attention_heads: 16 }, 'num_key_value_heads must be a divisor of num_attention_heads, 16, got 32'],
    [{ head_dim: 7 }, 'head_dim must be even, as rotary positions need, got 7'],
    [{ hidden_size: '64' }, 'hidden_size must be a number, got "64"'],
    [{ hidden_size: 65_537 }, 'hidden_size must be a whole number from 1 to 65,536, got 65537'],
    [{ num_hidden_layers: 1_001 }, 'num_hidden_layers must be a whole number from 1 to 1,000, got 1001'],
    [{ num_hidden_layers: 0 }, 'num_hidden_layers must be a whole number from 1 to 1,000, got 0'],
    [{ intermediate_size: 1.5 }, 'intermediate_size must be a whole number from 1 to 1,048,576, got 1.5'],
    [{ vocab_size: 1e15 }, 'vocab_size must be a whole number from 1 to 16,777,216, got 1000000000000000'],
    [{ rms_norm_eps: 0 }, 'rms_norm_eps must be above 0 and below 1, got 0'],
    [{ rms_norm_eps: -1e-6 }, 'rms_norm_eps must be above 0 and below 1, got -0.000001'],
    [{ rope_theta: 0 }, 'rope_theta must be a positive number, got 0'],
    [{ rope_scaling: 'linear' }, 'rope_scaling must be an object, got "linear"'],
    [{ rope_parameters: [1] }, 'rope_parameters must be an object, got [1]'],
    [
      { rope_parameters: { rope_type: 'default' }, rope_scaling: { type: 'linear' } },
      'type must be default, got "linear"',
    ],
    [{ rope_parameters: { rope_type: 'yarn' }, rope_scaling: {} }, 'rope_type must be default, got "yarn"'],
    [{ attention_bias: 'true' }, 'attention_bias must be true or false, got "true"'],
    [{ mlp_bias: 1 }, 'mlp_bias must be true or false, got 1'],
    [{ tie_word_embeddings: 'true' }, 'tie_word_embeddings must be true or false, got "true"'],
    [{ ...QWEN, use_sliding_window: true }, 'use_sliding_window must be false, got true'],
    [
      { ...QWEN, layer_types: ['sliding_attention'] },
      'layer_types must be a list of full_attention, got ["sliding_attention"]',
    ],
    [{ ...LLAVA, text_config: [1] }, 'text_config must be an object, got [1]'],
    [
      { ...LLAVA, text_config: { quantization_config: {} } },
      'weights must not be quantised, got quantization_config; take the original folder',
    ],
    [
      { ...LLAVA, vision_config: { num_attention_heads: 5 } },
      'vision_config.num_attention_heads must be a divisor of hidden_size, 768, got 5',
    ],
    [
      { ...LLAVA, vision_config: { image_size: 10, patch_size: 14 } },
      'image_size must be at least patch_size, 14, got 10',
    ],
    [{ ...LLAVA, vision_config: { layer_norm_eps: 1 } }, 'layer_norm_eps must be above 0 and below 1, got 1'],
    [{ ...LLAVA, vision_config: { num_channels: 1 } }, 'num_channels must be 3, got 1'],
    [{ ...LLAVA, multimodal_projector_bias: 'no' }, 'multimodal_projector_bias must be true or false, got "no"'],
    [{ ...IDEFICS, scale_factor: 3 }, 'scale_factor must be a divisor of the patches of a side, 8, got 3'],
  ])('%j is refused', (change, message) => {
    const parse = (): unknown => parseArchitecture({ ...LLAMA, ...change });
    expect(parse).toThrow(InvalidConfigError);
    expect(parse).toThrow(`config.json: ${message}`);
  });
});

describe('architectures', () => {
  const types = ARCHITECTURES.flatMap((kind) => kind.modelTypes);

  test('have each model type once', () => {
    expect(new Set(types).size).toBe(types.length);
  });

  test('say where the decoder is in memory, by which adapters name its layers', () => {
    const paths = [LLAVA, { ...IDEFICS, model_type: 'smolvlm' }, QWEN].map(
      (config) => parseArchitecture(config).decoderPath,
    );
    expect(paths).toEqual(['model.language_model', 'model.text_model', 'model']);
  });

  test.each(types)('%s is told in the guide to models', (type) => {
    expect(readFileSync('docs/models.md', 'utf8')).toMatch(new RegExp(`\\b${type}\\b`, 'i'));
  });

  test('another one is refused with those that are read', () => {
    expect(() => parseArchitecture({ model_type: 'bert' })).toThrow(
      'config.json: model_type must be llava, idefics3, smolvlm, llama or qwen2, got "bert"; others run by the torch engine: tive setup torch',
    );
  });
});
