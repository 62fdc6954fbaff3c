import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { InvalidConfigError } from '../../contracts/failures.ts';
import { encodeAdapter, readAdapter } from '../../model/adapter-files.ts';
import { initialAdapter } from '../../model/adapter.ts';
import { readArchitecture } from '../../model/architectures/read-architecture.ts';
import { encodeSafetensors, openSafetensors } from '../../model/safetensors.ts';
import type { NamedTensor } from '../../model/safetensors.ts';
import { GOLDEN } from './golden.ts';
import { linearLayers } from '../../model/weight-shapes.ts';

const { text, decoderPath } = await readArchitecture(`${GOLDEN}/model`);
const TENSOR_FILE = 'adapter_model.safetensors';
const CONFIG_FILE = 'adapter_config.json';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'adapter-'));
  await cp(`${GOLDEN}/adapter`, folder, { recursive: true });
});
afterEach(() => rm(folder, { recursive: true }));

async function readTensors(path: string): Promise<NamedTensor[]> {
  const file = await openSafetensors(path);
  try {
    const tensors: NamedTensor[] = [];
    for (const [name, { shape }] of file.tensors) tensors.push({ name, shape, values: await file.read(name) });
    return tensors.sort((left, right) => (left.name < right.name ? -1 : 1));
  } finally {
    await file.close();
  }
}

async function changeConfig(change: Record<string, unknown>): Promise<void> {
  const config = JSON.parse(await readFile(join(folder, CONFIG_FILE), 'utf8')) as Record<string, unknown>;
  await writeFile(join(folder, CONFIG_FILE), JSON.stringify({ ...config, ...change }));
}

async function changeTensors(change: (tensors: NamedTensor[]) => NamedTensor[]): Promise<void> {
  await writeFile(join(folder, TENSOR_FILE), encodeSafetensors(change(await readTensors(join(folder, TENSOR_FILE)))));
}

describe('the adapter that peft wrote', () => {
  test('has its settings and one scale of alpha / rank for each module', async () => {
    const { settings, scales, parameters } = await readAdapter(folder, linearLayers(text));
    expect(settings).toEqual({
      rank: 8,
      alpha: 16,
      targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
    });
    expect(scales.size).toBe(3 * 7);
    expect(new Set(scales.values())).toEqual(new Set([2]));
    expect(parameters).toHaveLength(3 * 7 * 2);
  });

  test('written again, has the same keys, shapes and bits', async () => {
    for (const { name, bytes } of encodeAdapter(
      await readAdapter(`${GOLDEN}/adapter`, linearLayers(text)),
      decoderPath,
    ))
      await writeFile(join(folder, name), bytes);
    const golden = await readTensors(join(GOLDEN, 'adapter', TENSOR_FILE));
    expect(golden[0]!.name).toBe('base_model.model.model.language_model.layers.0.mlp.down_proj.lora_A.weight');
    expect(await readTensors(join(folder, TENSOR_FILE))).toEqual(golden);
    expect(await readAdapter(folder, linearLayers(text))).toEqual(
      await readAdapter(`${GOLDEN}/adapter`, linearLayers(text)),
    );
  });

  test('written again, has the settings that peft reads', async () => {
    const [config] = encodeAdapter(await readAdapter(folder, linearLayers(text)), decoderPath);
    const written = JSON.parse(Buffer.from(config!.bytes).toString()) as Record<string, unknown>;
    const golden = JSON.parse(await readFile(join(folder, CONFIG_FILE), 'utf8')) as Record<string, unknown>;
    for (const key of [
      'peft_type',
      'r',
      'lora_alpha',
      'target_modules',
      'bias',
      'use_dora',
      'use_rslora',
      'modules_to_save',
      'inference_mode',
    ]) {
      expect(written[key], key).toEqual(golden[key]);
    }
  });

  test('is encoded to equal bytes each time', async () => {
    const values = await readAdapter(folder, linearLayers(text));
    expect(encodeAdapter(values, decoderPath)).toEqual(encodeAdapter(values, decoderPath));
  });
});

describe('other adapters', () => {
  test('a fresh one of some targets survives writing and reading', async () => {
    const values = initialAdapter(linearLayers(text), { rank: 4, alpha: 2, targets: ['q_proj', 'v_proj'] }, () => 0.75);
    for (const { name, bytes } of encodeAdapter(values, decoderPath)) await writeFile(join(folder, name), bytes);
    expect(await readAdapter(folder, linearLayers(text))).toEqual(values);
    expect([...values.scales.values()]).toEqual(new Array(6).fill(0.5));
  });

  test('keys as transformers 4 names the modules give the same parameters', async () => {
    const wanted = await readAdapter(folder, linearLayers(text));
    await changeTensors((tensors) =>
      tensors.map((tensor) => ({
        ...tensor,
        name: tensor.name.replace('base_model.model.model.language_model.', 'base_model.model.language_model.model.'),
      })),
    );
    expect(await readAdapter(folder, linearLayers(text))).toEqual(wanted);
  });

  test('rslora divides alpha by the root of the rank', async () => {
    await changeConfig({ use_rslora: true });
    const { scales } = await readAdapter(folder, linearLayers(text));
    expect([...new Set(scales.values())]).toEqual([16 / Math.sqrt(8)]);
  });

  test.each<Record<string, unknown>>([
    { modules_to_save: [], layer_replication: [], target_parameters: [], arrow_config: {}, use_something_new: null },
    { init_lora_weights: 'eva', eva_config: { rho: 2 } },
    { init_lora_weights: 'orthogonal', lora_dropout: 0.1, exclude_modules: ['fc1'], layers_to_transform: [0, 1, 2] },
    {
      init_lora_weights: 'gaussian',
      alpha_pattern: null,
      rank_pattern: null,
      corda_config: { corda_method: 'kpm' },
      lora_ga_config: { scale: 'stable' },
    },
  ])('settings that change nothing are taken: %o', async (change) => {
    const wanted = await readAdapter(folder, linearLayers(text));
    await changeConfig(change);
    expect(await readAdapter(folder, linearLayers(text))).toEqual(wanted);
  });

  test('an alpha pattern changes the scale of the modules that it names', async () => {
    await changeConfig({ alpha_pattern: { 'layers.1.self_attn.q_proj': 32 } });
    const { scales } = await readAdapter(folder, linearLayers(text));
    const changed = [...scales].filter(([, scale]) => scale === 4).map(([path]) => path);
    expect(changed).toEqual(['model.language_model.layers.1.self_attn.q_proj']);
  });
});

describe('adapters that cannot be used are refused', () => {
  const expectRefusal = async (message: string | RegExp): Promise<void> => {
    const read = readAdapter(folder, linearLayers(text));
    await expect(read).rejects.toThrow(InvalidConfigError);
    await expect(read).rejects.toThrow(message);
  };

  test.each<[Record<string, unknown>, string]>([
    [{ peft_type: 'IA3' }, 'adapter_config.json: peft_type must be LORA, got "IA3"'],
    [{ bias: 'all' }, 'adapter_config.json: bias must be none, got "all"; merge the adapter into the model'],
    [{ r: null }, 'adapter_config.json: r and lora_alpha must be positive numbers, got [null,16]'],
    [{ lora_alpha: -1 }, 'adapter_config.json: r and lora_alpha must be positive numbers, got [8,-1]'],
    [{ rank_pattern: [4] }, 'adapter_config.json: rank_pattern must hold positive numbers by module, got [4]'],
    [
      { alpha_pattern: { q_proj: '4' } },
      'adapter_config.json: alpha_pattern must hold positive numbers by module, got {"q_proj":"4"}',
    ],
  ])('%o', async (change, message) => {
    await changeConfig(change);
    await expectRefusal(message);
  });

  test.each(['pissa', 'pissa_niter_4', 'olora', 'corda', 'loftq', 'lora_ga', 'mica', 'tomorrow'])(
    'a start of %s, which peft takes away from the model',
    async (start) => {
      await changeConfig({ init_lora_weights: start });
      await expectRefusal(
        `adapter_config.json: init_lora_weights must leave the model's weights as they are, got "${start}"; ` +
          'save it with path_initial_model_for_weight_conversion, or merge it into the model',
      );
    },
  );

  test.each<[string, unknown]>([
    ['use_dora', true],
    ['fan_in_fan_out', true],
    ['lora_bias', true],
    ['use_qalora', true],
    ['modules_to_save', ['lm_head']],
    ['alora_invocation_tokens', [5, 6]],
    ['arrow_config', { top_k: 2 }],
    ['use_bdlora', { nblocks: 2 }],
    ['monteclora_config', { samples: 2 }],
    ['kasa_config', { beta: 1e-4 }],
    ['velora_config', { groups: 2 }],
    ['megatron_config', { layers: 2 }],
    ['layer_replication', [[0, 2]]],
    ['trainable_token_indices', [1]],
    ['target_parameters', ['mlp.up_proj.weight']],
    ['use_something_new', 'yes'],
  ])('a value of %s', async (key, value) => {
    await changeConfig({ [key]: value });
    await expectRefusal(
      `adapter_config.json: ${key} must be empty, got ${JSON.stringify(value)}; merge the adapter into the model, or train a plain LoRA`,
    );
  });

  test.each([
    ['{', /^adapter_config\.json: must be valid JSON, got /],
    ['null', /^adapter_config\.json: must hold an object, got null; /],
    ['[1]', /^adapter_config\.json: must hold an object, got \[1\]; /],
  ])('settings that are %s', async (text, message) => {
    await writeFile(join(folder, CONFIG_FILE), text);
    await expectRefusal(message);
  });

  test('a folder without its settings', async () => {
    await rm(join(folder, CONFIG_FILE));
    await expectRefusal(/model.adapter: must hold adapter_config.json, got \d+ files in /);
  });

  test('keys that fit no module of the decoder', async () => {
    const foreign = {
      name: 'base_model.model.vision_tower.encoder.layers.0.q_proj.lora_A.weight',
      shape: [1],
      values: new Float32Array(1),
    };
    await changeTensors((tensors) => [foreign, ...tensors]);
    await expectRefusal(`adapter: keys must match modules, got 42 of 43; first: ${foreign.name}`);
  });

  test('half of a pair', async () => {
    const name = 'base_model.model.model.language_model.layers.1.self_attn.q_proj.lora_B.weight';
    await changeTensors((tensors) => tensors.filter((tensor) => tensor.name !== name));
    await expectRefusal(/adapter: keys must match modules, got 42 of 41/);
  });

  test('a whole layer that its settings name', async () => {
    await changeTensors((tensors) => tensors.filter(({ name }) => !name.includes('.layers.2.')));
    await expectRefusal(
      'adapter: every module of target_modules must have lora_A and lora_B, got 7 of 21 without; first: model.language_model.layers.2.',
    );
  });

  test.each([NaN, Infinity])('a tensor that holds %d', async (value) => {
    const name = 'base_model.model.model.language_model.layers.1.self_attn.q_proj.lora_B.weight';
    await changeTensors((tensors) =>
      tensors.map((tensor) =>
        tensor.name === name ? { ...tensor, values: tensor.values.map((old, at) => (at === 5 ? value : old)) } : tensor,
      ),
    );
    await expectRefusal(`${TENSOR_FILE}: ${name} must hold finite numbers, got ${value} at 5; take a checkpoint`);
  });

  test('a tensor of another shape', async () => {
    await changeTensors((tensors) =>
      tensors.map((tensor) =>
        tensor.name.endsWith('0.self_attn.q_proj.lora_A.weight') ? { ...tensor, shape: [96, 8] } : tensor,
      ),
    );
    await expectRefusal('adapter: model.language_model.layers.0.self_attn.q_proj.lora_A must be [96, 96], got [96, 8]');
  });
});
