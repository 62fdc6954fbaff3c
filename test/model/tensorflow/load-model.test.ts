import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { InvalidConfigError } from '../../../contracts/failures.ts';
import { readAdapter } from '../../../model/adapter-files.ts';
import { headName } from '../../../model/tensorflow/answer-loss.ts';
import { loadEngine } from '../../../model/load-engine.ts';
import { checkModelFiles, weightFiles } from '../../../model/model-files.ts';
import { loadModel } from '../../../model/tensorflow/load-model.ts';
import { readArchitecture } from '../../../model/architectures/read-architecture.ts';
import { encodeSafetensors, openSafetensors } from '../../../model/safetensors.ts';
import type { NamedTensor } from '../../../model/safetensors.ts';
import { canonicalName } from '../../../model/weight-names.ts';
import { GOLDEN } from '../golden.ts';
import { linearLayers } from '../../../model/weight-shapes.ts';

const root = mkdtempSync(join(tmpdir(), 'tive-model-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
beforeAll(async () => {
  await loadEngine('cpu');
});

const INDEX = 'model.safetensors.index.json';

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

/** Replaces the weights of the folder by shards and their index; what `named` lacks is found by itself. */
function writeShards(shards: Record<string, NamedTensor[]>, named: Record<string, string>): void {
  writeWeights([]);
  rmSync(join(folder, 'model.safetensors'));
  const map: Record<string, string> = {};
  for (const [shard, content] of Object.entries(shards)) {
    writeFileSync(join(folder, `${shard}.safetensors`), encodeSafetensors(content));
    for (const { name } of content) map[name] = `${named[name] ?? shard}.safetensors`;
  }
  writeFileSync(join(folder, INDEX), JSON.stringify({ weight_map: map }));
}

/** Calls a tensor of `model.safetensors` by another type of four bytes. */
function retype(name: string, dtype: string): void {
  const path = join(folder, 'model.safetensors');
  const bytes = readFileSync(path);
  const entry = Buffer.from(`${JSON.stringify(name)}:{"dtype":"F32"`);
  const place = bytes.indexOf(entry);
  expect(place).toBeGreaterThan(0);
  bytes.write(dtype, place + entry.length - 4);
  writeFileSync(path, bytes);
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

  test('in one file is read from it, whatever an index beside it says', async () => {
    const golden = await tensors();
    const index = readFileSync(join(folder, INDEX));
    writeWeights(golden);
    writeFileSync(join(folder, INDEX), index);
    expect(await weightFiles(folder)).toEqual([join(folder, 'model.safetensors')]);
    await expect(checkModelFiles(folder)).resolves.toBeUndefined();
  });

  test('with a tensor in two shards has the one that the index names', async () => {
    const [first, ...others] = await tensors();
    const stale = { ...first!, values: first!.values.map((value) => value + 1) };
    for (const order of [
      ['a', 'b'],
      ['b', 'a'],
    ]) {
      writeShards({ [order[0]!]: [first!, ...others], [order[1]!]: [stale] }, { [first!.name]: order[0]! });
      const model = await loadModel(folder);
      expect(model.weights.get(canonicalName(first!.name)!).dataSync()).toEqual(first!.values);
      model.weights.dispose();
    }
  });

  test('may hold tensors that nobody needs, of any type', async () => {
    writeWeights([...(await tensors()), { name: 'extra', shape: [1], values: Float32Array.of(1) }]);
    retype('extra', 'I32');
    await expect(checkModelFiles(folder)).resolves.toBeUndefined();
  });

  test('is checked by its headers alone, without reading a weight', async () => {
    await expect(checkModelFiles(folder)).resolves.toBeUndefined();
  });
});

describe('a head that config.json ties to the embedding', () => {
  const EMBEDDING = 'language_model.model.embed_tokens.weight';
  const HEAD = 'language_model.lm_head.weight';

  /** Whether the loaded model has a head of its own, and its first value. */
  async function headOf(change: (content: NamedTensor[]) => NamedTensor[]): Promise<[boolean, number]> {
    editConfig((config) => (config['tie_word_embeddings'] = true));
    writeWeights(change(await tensors()));
    await checkModelFiles(folder);
    const { weights } = await loadModel(folder);
    const name = headName(weights);
    const result: [boolean, number] = [name === 'lm_head', weights.get(`${name}.weight`).dataSync()[0]!];
    weights.dispose();
    return result;
  }

  test('is the stored one where that differs, as in transformers 5', async () => {
    const stored = (await tensors()).find(({ name }) => name === HEAD)!;
    expect(await headOf((content) => content)).toEqual([true, stored.values[0]]);
  });

  test('is the embedding where the stored one equals it, or there is none', async () => {
    const { values } = (await tensors()).find(({ name }) => name === EMBEDDING)!;
    const equal = (content: NamedTensor[]): NamedTensor[] =>
      content.map((tensor) => (tensor.name === HEAD ? { ...tensor, values } : tensor));
    expect(await headOf(equal)).toEqual([false, values[0]]);
    expect(await headOf((content) => content.filter(({ name }) => name !== HEAD))).toEqual([false, values[0]]);
  });

  test('is the embedding too where the folder has a head alone', async () => {
    const { values } = (await tensors()).find(({ name }) => name === HEAD)!;
    expect(await headOf((content) => content.filter(({ name }) => name !== EMBEDDING))).toEqual([false, values[0]]);
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
      'config.json: model_type must be llava, idefics3, smolvlm, llama or qwen2, got "llava_next"; others run by the torch engine: tive setup torch',
    ],
    [
      'another architecture',
      (config) => (config['model_type'] = 'gpt2'),
      'config.json: model_type must be llava, idefics3, smolvlm, llama or qwen2, got "gpt2"; others run by the torch engine: tive setup torch',
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

  test.each([
    ['{', /^model\.safetensors\.index\.json: must be valid JSON, got /],
    ['null', /^model\.safetensors\.index\.json: must hold an object, got null; fetch /],
    ['{}', /^model\.safetensors\.index\.json: weight_map must be an object, got nothing; fetch /],
    ...[
      '3',
      '"../a.safetensors"',
      '"/etc/passwd"',
      '"a/b.safetensors"',
      '"..\\\\a.safetensors"',
      '"pytorch_model.bin"',
    ].map((file): [string, string] => [
      `{"weight_map":{"x":${file}}}`,
      `model.safetensors.index.json: weight_map must name safetensors files of the folder, got ${file} for x; fetch the file of the original folder`,
    ]),
  ])('with the index %s', async (index, message) => {
    writeFileSync(join(folder, INDEX), index);
    expect(await refusal(checkModelFiles(folder))).toMatch(message);
  });

  test('with a needed tensor of integers, by its header alone', async () => {
    writeWeights(await tensors());
    retype('multi_modal_projector.linear_1.bias', 'I32');
    expect(await refusal(checkModelFiles(folder))).toBe(
      'model.safetensors: multi_modal_projector.linear_1.bias must be F32, F16, BF16 or F64, got I32; quantised weights are not supported',
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
    const { text } = await readArchitecture(folder);
    writeFileSync(join(adapter, 'training_args.bin'), '');
    await expect(readAdapter(adapter, linearLayers(text))).resolves.toMatchObject({ settings: { rank: 8 } });
    writeFileSync(join(adapter, 'non_lora_trainables.bin'), '');
    expect(await refusal(readAdapter(adapter, linearLayers(text)))).toBe(
      'non_lora_trainables.bin: must be safetensors, got a pickle file; merge and convert with convert_llava_weights_to_hf.py',
    );
  });
});
