import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { InvalidConfigError } from '../../contracts/failures.ts';
import { readAdapter } from '../../model/adapter-files.ts';
import { loadEngine } from '../../model/engine.ts';
import { checkModelFiles, loadModel, weightFiles } from '../../model/load-model.ts';
import { parseModelConfig, readModelConfig } from '../../model/model-config.ts';
import { encodeSafetensors, openSafetensors } from '../../model/safetensors.ts';
import type { NamedTensor } from '../../model/safetensors.ts';
import { GOLDEN } from './golden.ts';

const root = mkdtempSync(join(tmpdir(), 'tive-model-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
beforeAll(async () => {
  await loadEngine('cpu');
});

let folder: string;
let count = 0;
beforeEach(() => {
  folder = join(root, String(count++));
  cpSync(`${GOLDEN}/model`, folder, { recursive: true });
});

/** All tensors of the golden model as it lies on disk. */
async function tensors(): Promise<NamedTensor[]> {
  const found: NamedTensor[] = [];
  for (const path of await weightFiles(`${GOLDEN}/model`)) {
    const file = await openSafetensors(path);
    for (const [name, { shape }] of file.tensors) found.push({ name, shape, values: await file.read(name) });
    await file.close();
  }
  return found;
}

/** Replaces the weights of the folder by one file. */
function writeWeights(content: readonly NamedTensor[]): void {
  for (const name of readdirSync(folder)) if (name.includes('safetensors')) rmSync(join(folder, name));
  writeFileSync(join(folder, 'model.safetensors'), encodeSafetensors([...content]));
}

function editConfig(change: (config: Record<string, unknown>) => void): void {
  const path = join(folder, 'config.json');
  const config = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  change(config);
  writeFileSync(path, JSON.stringify(config));
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(InvalidConfigError);
  return (error as Error).message;
}

describe('a model folder', () => {
  test.each<[string, (name: string) => string]>([
    ['as transformers 5 writes it, in one file', (name) => name],
    [
      'with the keys of transformers 4',
      (name) =>
        name
          .replace(/^vision_tower\.(?!vision_model)/, 'vision_tower.vision_model.')
          .replace(/^model\.language_model\./, 'language_model.model.'),
    ],
    [
      'with the keys that transformers 5 has in memory',
      (name) =>
        name === 'language_model.lm_head.weight'
          ? 'lm_head.weight'
          : `model.${name.replace(/^language_model\.model\./, 'language_model.')}`,
    ],
  ])('%s gives the same weights', async (_, rename) => {
    const golden = await loadModel(`${GOLDEN}/model`);
    writeWeights((await tensors()).map((tensor) => ({ ...tensor, name: rename(tensor.name) })));
    const model = await loadModel(folder);
    expect(model.weights.names).toEqual(golden.weights.names);
    for (const name of golden.weights.names) {
      expect(model.weights.get(name).dataSync()).toEqual(golden.weights.get(name).dataSync());
    }
    golden.weights.dispose();
    model.weights.dispose();
  });

  test('is checked by its headers alone, without reading a weight', async () => {
    await expect(checkModelFiles(folder)).resolves.toBeUndefined();
  });
});

/** The sections of a LLaVA that has everything by default. */
const LLAVA = { model_type: 'llava', vision_config: {}, text_config: {} };
const IDEFICS = { model_type: 'idefics3', vision_config: { image_size: 256 }, text_config: {} };
const QWEN = { model_type: 'qwen2' };
const LLAMA = { model_type: 'llama' };

describe('config.json', () => {
  test('says nothing of a size where transformers has it by default', () => {
    const llama = {
      ...{ hiddenSize: 4096, intermediateSize: 11_008, layerCount: 32, headCount: 32, keyValueHeadCount: 32 },
      ...{ headDimension: 128, vocabularySize: 32_000, maxPositions: 2048, rmsNormEpsilon: 1e-6, ropeTheta: 10_000 },
      ...{ attentionBias: false, outputBias: false, mlpBias: false, tiedHead: false },
    };
    const clip = {
      ...{ kind: 'clip', hiddenSize: 768, intermediateSize: 3072, layerCount: 12, headCount: 12, imageSize: 224 },
      ...{ patchSize: 32, layerNormEpsilon: 1e-5, activation: 'quick_gelu' },
    };
    expect(parseModelConfig(LLAMA).text).toEqual(llama);
    expect(parseModelConfig(QWEN).text).toEqual({
      ...{ ...llama, intermediateSize: 22_016, vocabularySize: 151_936, maxPositions: 32_768, attentionBias: true },
    });
    expect(parseModelConfig(LLAVA)).toMatchObject({
      ...{ text: llama, vision: clip, imageTokenId: 32_000, imageTokenCount: 49, visionFeatureLayer: -2 },
      ...{ visionFeatureStrategy: 'default', connector: { kind: 'mlp', bias: true } },
    });
    const siglip = { ...clip, kind: 'siglip', patchSize: 16, layerNormEpsilon: 1e-6, activation: 'gelu_pytorch_tanh' };
    expect(parseModelConfig({ ...LLAVA, vision_config: { model_type: 'siglip_vision_model' } }).vision).toEqual(siglip);
    expect(parseModelConfig(IDEFICS)).toMatchObject({
      vision: { ...siglip, kind: 'idefics3', hiddenSize: 1152, headCount: 16, patchSize: 32, imageSize: 256 },
      ...{ imageTokenId: 128_257, connector: { kind: 'pixel_shuffle', scaleFactor: 2 } },
    });
  });

  test('takes null for a missing key', () => {
    const nothing = { quantization_config: null, auto_map: null, rope_scaling: null, rope_parameters: null };
    expect(parseModelConfig({ ...LLAMA, ...nothing, head_dim: null })).toEqual(parseModelConfig(LLAMA));
    const { keyValueHeadCount } = parseModelConfig({
      ...QWEN,
      num_attention_heads: 16,
      num_key_value_heads: null,
    }).text;
    expect(keyValueHeadCount).toBe(16);
  });

  test('has θ in either style, rope_scaling before rope_parameters before its own key', () => {
    const theta = (given: object): number => parseModelConfig({ ...LLAMA, ...given }).text.ropeTheta;
    expect(theta({ rope_theta: 5 })).toBe(5);
    expect(theta({ rope_theta: 5, rope_parameters: { rope_type: 'default' } })).toBe(5);
    expect(theta({ rope_theta: 5, rope_parameters: { rope_theta: 6 } })).toBe(6);
    expect(theta({ rope_scaling: { type: 'default', rope_theta: 7 }, rope_parameters: { rope_theta: 6 } })).toBe(7);
    expect(theta({ rope_scaling: {}, rope_parameters: { rope_theta: 6 } })).toBe(6);
  });

  test('ties the head of LLaVA by either flag, of Idefics3 by the upper one alone', () => {
    const tied = (config: object, upper: boolean, lower: boolean): boolean =>
      parseModelConfig({ ...config, tie_word_embeddings: upper, text_config: { tie_word_embeddings: lower } }).text
        .tiedHead;
    expect([tied(LLAVA, false, true), tied(LLAVA, true, false), tied(LLAVA, false, false)]).toEqual([
      true,
      true,
      false,
    ]);
    expect([tied(IDEFICS, false, true), tied(IDEFICS, true, false)]).toEqual([false, true]);
  });

  test('of Qwen2 has no biases but those of q, k and v, whatever it says', () => {
    const { text } = parseModelConfig({ ...QWEN, mlp_bias: true, attention_bias: true });
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
    const parse = (): unknown => parseModelConfig({ ...LLAMA, ...change });
    expect(parse).toThrow(InvalidConfigError);
    expect(parse).toThrow(`config.json: ${message}`);
  });
});

describe('a folder that is no usable model is refused with what to do', () => {
  test('without config.json', async () => {
    const other = join(folder, 'other');
    mkdirSync(other);
    writeFileSync(join(other, 'model.pt'), '');
    expect(await refusal(loadModel(other))).toBe(
      'model.path: must hold config.json, got a folder with 1 files (model.pt)',
    );
    expect(await refusal(loadModel(join(folder, 'none')))).toBe(
      `model.path: must hold config.json, got no folder at ${join(folder, 'none')}`,
    );
  });

  test.each([
    ['{', /^config\.json: must be valid JSON, got .*; fetch the file of the original folder$/],
    ['null', /^config\.json: must hold an object, got null; fetch the file of the original folder$/],
    ['[1]', /^config\.json: must hold an object, got \[1\]; fetch the file of the original folder$/],
  ])('with a config.json that is %s', async (text, message) => {
    writeFileSync(join(folder, 'config.json'), text);
    expect(await refusal(loadModel(folder))).toMatch(message);
  });

  test.each<[string, (config: Record<string, unknown>) => void, string]>([
    [
      'tiles',
      (config) => (config['model_type'] = 'llava_next'),
      'config.json: model_type must be llava, idefics3 or smolvlm, got "llava_next"; image tiles are not supported',
    ],
    [
      'another architecture',
      (config) => (config['model_type'] = 'gpt2'),
      'config.json: model_type must be llava, idefics3 or smolvlm, got "gpt2"; of text alone: llama or qwen2',
    ],
    [
      'quantised',
      (config) => (config['quantization_config'] = {}),
      'config.json: weights must not be quantised, got quantization_config; take the original folder',
    ],
    [
      'scaled positions',
      (config) => ((config['text_config'] as Record<string, unknown>)['rope_parameters'] = { rope_type: 'yarn' }),
      'config.json: rope_type must be default, got "yarn"',
    ],
    [
      'a list of feature layers',
      (config) => (config['vision_feature_layer'] = [-2, -5]),
      'config.json: vision_feature_layer must be a number, got [-2,-5]',
    ],
  ])('%s', async (_, change, message) => {
    editConfig(change);
    expect(await refusal(loadModel(folder))).toBe(message);
  });

  test('with a shard missing', async () => {
    rmSync(join(folder, 'model-00002-of-00008.safetensors'));
    expect(await refusal(checkModelFiles(folder))).toBe(
      'model.safetensors.index.json: all 8 shards must exist, got 7; fetch model-00002-of-00008.safetensors',
    );
  });

  test('with pickles in place of safetensors, which are never read', async () => {
    writeWeights([]);
    rmSync(join(folder, 'model.safetensors'));
    expect(await refusal(loadModel(folder))).toBe(`model.path: must hold model.safetensors, got none in ${folder}`);
    writeFileSync(join(folder, 'pytorch_model.bin'), '');
    expect(await refusal(loadModel(folder))).toBe(
      'pytorch_model.bin: weights must be safetensors, got a pickle file; convert it: torch.load(weights_only=True), safetensors save_file',
    );
  });

  test('with a projector of another vision tower', async () => {
    editConfig((config) => ((config['vision_config'] as Record<string, unknown>)['hidden_size'] = 128));
    expect(await refusal(checkModelFiles(folder))).toMatch(/: must be \[.*128.*\] by config\.json, got \[.*64.*\]/);
    cpSync(`${GOLDEN}/model/config.json`, join(folder, 'config.json'));
    const content = (await tensors()).map((tensor) =>
      tensor.name === 'multi_modal_projector.linear_1.weight' ? { ...tensor, shape: [64, 96] } : tensor,
    );
    writeWeights(content);
    expect(await refusal(checkModelFiles(folder))).toBe(
      'multi_modal_projector.linear_1.weight: must be [96, 64] by config.json, got [64, 96]; projector and vision tower do not belong together',
    );
  });

  test('with tensors missing, at most ten of them named', async () => {
    writeWeights((await tensors()).filter(({ name }) => !name.includes('layers.1.')));
    const message = await refusal(checkModelFiles(folder));
    expect(message).toMatch(/^model: all \d+ tensors must exist, got \d+; missing: model\.\S+ \[\d+/);
    expect(message.split('layers.1.')).toHaveLength(11);
  });

  test('larger than the heap of wasm', async () => {
    await loadEngine('wasm');
    try {
      editConfig((config) => {
        Object.assign(config['text_config'] as object, {
          hidden_size: 4096,
          num_hidden_layers: 32,
          intermediate_size: 11008,
          vocab_size: 32000,
          num_attention_heads: 32,
          num_key_value_heads: 32,
          head_dim: 128,
        });
      });
      expect(await refusal(loadModel(folder))).toBe(
        'engine wasm: weights must fit in 4 GiB, got 25.2 GiB in float32; use engine: tensorflow or a smaller model',
      );
    } finally {
      await loadEngine('cpu');
    }
  });
});

describe('an adapter folder', () => {
  test('with LLaVA’s own pickles is refused, with pickles that nobody needs it is not', async () => {
    const adapter = join(folder, 'adapter');
    cpSync(`${GOLDEN}/adapter`, adapter, { recursive: true });
    const { text } = await readModelConfig(folder);
    writeFileSync(join(adapter, 'training_args.bin'), '');
    await expect(readAdapter(adapter, text)).resolves.toMatchObject({ settings: { rank: 8 } });
    writeFileSync(join(adapter, 'non_lora_trainables.bin'), '');
    expect(await refusal(readAdapter(adapter, text))).toBe(
      'non_lora_trainables.bin: must be safetensors, got a pickle file; merge and convert with convert_llava_weights_to_hf.py',
    );
  });
});
