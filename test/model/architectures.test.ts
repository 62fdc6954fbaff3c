import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Turn } from '../../dataset/forms/conversation.ts';
import { preprocessImage } from '../../dataset/images/image-preprocess.ts';
import { readImageSettings } from '../../dataset/images/image-settings.ts';
import { createPromptEncoder } from '../../dataset/prompts/prompt.ts';
import { isRejection } from '../../dataset/rows/row-outcome.ts';
import { encodeAdapter, readAdapter } from '../../model/adapter-files.ts';
import { gradientLayout } from '../../model/adapter.ts';
import { disposeAdapter, toTensors } from '../../model/tensorflow/adapter-tensors.ts';
import type { AdapterValues } from '../../model/adapter.ts';
import { loadEngine } from '../../model/load-engine.ts';
import { exampleGradients } from '../../model/tensorflow/example-gradients.ts';
import { loadModel } from '../../model/tensorflow/load-model.ts';
import type { LoadedModel } from '../../model/tensorflow/load-model.ts';
import type { TokenExample } from '../../model/engine.ts';
import { pictureVectors } from '../../model/tensorflow/picture-vectors.ts';
import { encodeImages } from '../../model/tensorflow/vision-tower.ts';
import { TINY_IMAGES, goldenSet } from './golden-set.ts';
import type { GoldenSet } from './golden-set.ts';
import { linearLayers } from '../../model/weight-shapes.ts';

const ARCHITECTURES = ['siglip-qwen2', 'clip-full', 'idefics3', 'smolvlm', 'llama-text', 'qwen2-text'];

describe.each(ARCHITECTURES)('%s, as torch, transformers and peft compute it', (name) => {
  let golden: GoldenSet;
  let model: LoadedModel;
  let values: AdapterValues;

  beforeAll(async () => {
    await loadEngine('tensorflow');
    golden = goldenSet(name);
    model = await loadModel(`${golden.folder}/model`);
    values = await readAdapter(`${golden.folder}/adapter`, linearLayers(model.config.text));
  });

  afterAll(() => model.weights.dispose());

  const pixelsOf = async (image: string): Promise<Float32Array> => {
    const settings = await readImageSettings(`${golden.folder}/model`);
    const done = await preprocessImage(readFileSync(`${TINY_IMAGES}/${image}`), settings, 'crop');
    if (isRejection(done)) throw new Error(done.detail);
    return done.pixels;
  };

  const encode = async (turns: readonly string[], imageCount: number) => {
    const { config } = model;
    const encoder = await createPromptEncoder({
      ...config,
      modelFolder: model.folder,
      template: 'auto',
      vocabularySize: config.text.vocabularySize,
      cutoffLen: 512,
    });
    const roles: Turn[] = turns.map((value, index) => ({ role: index % 2 === 0 ? 'human' : 'gpt', value }));
    const encoded = encoder.encode(roles, imageCount);
    if (isRejection(encoded)) throw new Error(encoded.detail);
    return encoded;
  };

  test('ids and labels are those of its tokenizer, template and processor', async () => {
    for (const { id, image, turns } of golden.examples) {
      const { ids, labels } = await encode(turns, image === null ? 0 : 1);
      expect(ids, id).toEqual(golden.integers(`${id}.input_ids`));
      expect(labels, id).toEqual(golden.integers(`${id}.labels`));
    }
  });

  test('pictures are prepared as by its processor', async () => {
    const [first] = golden.examples;
    if (first!.image === null) return expect(model.config.vision).toBeNull();
    const pixels = await pixelsOf(first!.image);
    expect(pixels).toBeAllclose(golden.floats(`${first!.id}.pixel_values`), { rtol: 0, atol: 1e-6 });
  });

  test('losses and gradients are those of the reference', async () => {
    const examples: TokenExample[] = [];
    for (const { id, image } of golden.examples) {
      const features: Float32Array[] = [];
      if (image !== null) {
        const pixels = await pixelsOf(image);
        features.push(pictureVectors(model, [pixels]));
        expect(features[0]).toHaveLength(model.config.imageTokenCount * model.config.text.hiddenSize);
        // A graph of the tower gives what the tower gives operation by operation.
        const plain = encodeImages(model, [pixels]);
        expect(features[0]!).toBeAllclose(plain.dataSync(), { rtol: 1e-5, atol: 1e-5 });
        plain.dispose();
      }
      examples.push({ ids: golden.integers(`${id}.input_ids`), labels: golden.integers(`${id}.labels`), features });
    }
    const { places, length } = gradientLayout(values);
    const gradients = examples.map(() => new Float32Array(length).fill(NaN));
    const adapter = toTensors(values);
    const scalars = exampleGradients(model, adapter, places, examples, (example, start, piece) =>
      gradients[example]!.set(piece, start),
    );
    disposeAdapter(adapter);
    for (const [index, { id, loss }] of golden.examples.entries()) {
      expect([scalars[index]!.loss], id).toBeAllclose([loss], { rtol: 1e-5, atol: 0 });
      const wanted = golden.floats(`${id}.gradient`);
      const norm = Math.hypot(...wanted);
      expect(norm).toBeGreaterThan(0.01);
      expect(gradients[index]!, id).toBeAllclose(wanted, { rtol: 0, atol: 1e-4 * norm });
    }
  });

  test('an adapter that is written again has its keys, options and values', async () => {
    const [config, tensors] = encodeAdapter(values, model.config.decoderPath);
    const written = JSON.parse(Buffer.from(config!.bytes).toString()) as Record<string, unknown>;
    const given = golden.adapterConfig();
    for (const key of ['r', 'lora_alpha', 'use_rslora', 'rank_pattern', 'alpha_pattern', 'peft_type'])
      expect(written[key], key).toEqual(given[key]);
    expect(golden.keysOf(tensors!.bytes).sort()).toEqual(golden.adapterKeys().sort());
    const modules = golden.adapterKeys().map((key) => key.replace(/^base_model\.model\.|\.lora_[AB]\.weight$/g, ''));
    const target = new RegExp(`^(?:${written['target_modules'] as string})$`);
    for (const module of modules) expect(module).toMatch(target);
    // A tower has layers of the same names.
    if (model.config.vision === null) return;
    for (const tower of ['vision_tower', 'vision_model'])
      expect(`model.${tower}.encoder.layers.0.self_attn.q_proj`).not.toMatch(target);
  });
});
