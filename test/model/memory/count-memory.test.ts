import { describe, expect, test } from 'vitest';
import { LARGE, configOf } from '../../../bench/large-model-folder.ts';
import type { LoraTarget } from '../../../contracts/config.ts';
import type { TowerVectors } from '../../../contracts/tower-vectors.ts';
import { initialAdapter, gradientLayout } from '../../../model/adapter.ts';
import { parseArchitecture } from '../../../model/architectures/read-architecture.ts';
import { vectorsOf } from '../../../model/memory/tower-bytes.ts';
import type { Towers } from '../../../model/memory/tower-bytes.ts';
import { adapterSizes, countMemory } from '../../../model/memory/count-memory.ts';
import { sizesOf } from '../../../model/memory/model-sizes.ts';
import { totalBytes } from '../../../model/memory/memory-question.ts';
import type { MemoryQuestion } from '../../../model/memory/memory-question.ts';
import { countParameters, linearLayers, weightShapes } from '../../../model/weight-shapes.ts';

const ALL: LoraTarget[] = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
const architecture = parseArchitecture(configOf(LARGE));
const QUESTION: MemoryQuestion = {
  sizes: sizesOf(architecture),
  engine: 'tensorflow',
  valueBytes: 4,
  work: 'gradients',
  adapter: { rank: 128, targets: ALL },
  projection: { kind: 'sparse', sketch: 8192 },
  batch: { rowCount: 1, tokenCount: 745, supervisedCount: 10 },
  recomputedLayerCount: 0,
  cacheBytes: 0,
};
const total = (change: Partial<MemoryQuestion>): number => totalBytes(countMemory({ ...QUESTION, ...change }));

describe('the sizes of an adapter', () => {
  test.each([[ALL], [['q_proj', 'v_proj'] satisfies LoraTarget[]], [['up_proj'] satisfies LoraTarget[]]])(
    'are those of a real one: %j',
    (targets) => {
      const small = parseArchitecture(
        configOf({ ...LARGE, hidden: 32, layers: 3, intermediate: 48, keyValueHeads: 4 }),
      );
      const values = initialAdapter(linearLayers(small.text), { rank: 4, alpha: 4, targets }, () => 0.5);
      const sizes = adapterSizes(linearLayers(small.text), { rank: 4, targets });
      expect(sizes.parameterCount).toBe(values.parameters.reduce((sum, parameter) => sum + parameter.values.length, 0));
      expect(sizes.gradientLength).toBe(gradientLayout(values).length);
    },
  );

  test('are none without an adapter', () => {
    expect(adapterSizes(linearLayers(architecture.text), null).parameterCount).toBe(0);
  });
});

describe('the memory of a process', () => {
  test('holds for factors signs of four sketches of their long side, and buckets of the short one', () => {
    const { projection } = countMemory({ ...QUESTION, engine: 'torch', projection: { kind: 'kron', sketch: 8192 } });
    expect(projection).toBe(4 * 8192 * (2816 + 4 * 128) + 8192 * 12);
  });

  test('holds checkpoints that rows are scored at, and moments that gradients are scaled by, here and in the engine', () => {
    const { parameterCount } = adapterSizes(QUESTION.sizes.layers, QUESTION.adapter);
    for (const engine of ['tensorflow', 'torch'] as const) {
      const asked = { ...QUESTION, engine };
      const plain = countMemory(asked);
      const found = countMemory({ ...asked, checkpointCount: 3, isPreconditioned: true });
      expect([plain.optimizer, found.optimizer]).toEqual([0, 2 * 2 * 4 * parameterCount]);
      expect(found.adapter).toBe(plain.adapter + 3 * 2 * 4 * parameterCount);
    }
    const training = { ...QUESTION, work: 'training' as const };
    const kept = countMemory({ ...training, checkpointCount: 3 }).adapter - countMemory(training).adapter;
    expect(kept).toBe(3 * 4 * parameterCount);
  });

  test('holds the weights once in their own type, on the wasm heap twice', () => {
    const weights = (change: Partial<MemoryQuestion>): number => countMemory({ ...QUESTION, ...change }).weights;
    expect(weights({})).toBe(4 * countParameters(weightShapes(architecture)));
    expect(weights({ engine: 'wasm' })).toBe(2 * weights({}));
    expect(weights({ engine: 'torch', valueBytes: 2 })).toBe(weights({}) / 2);
  });

  test('keeps of a layer what the backward pass reads, worked out by hand', () => {
    // 745 tokens of 4 norms, q, k, v, mixed (1,024), 4 of 2,816, 7 × 128; behind attention 10 rows of the last layer.
    const before = 5 * 1024 + 7 * 128;
    const behind = 3 * 1024 + 4 * 2816;
    const { activations, attention } = countMemory(QUESTION);
    expect(activations).toBe(4 * (24 * 745 * before + (23 * 745 + 10) * behind));
    expect(attention).toBe(24 * 4 * 16 * 745 ** 2);
  });

  test('grows with rows, tokens, layers that are kept and moments of a training', () => {
    const one = total({});
    expect(total({ batch: { rowCount: 2, tokenCount: 745, supervisedCount: 20 } })).toBeGreaterThan(one);
    expect(total({ batch: { rowCount: 1, tokenCount: 800, supervisedCount: 10 } })).toBeGreaterThan(one);
    expect(total({ work: 'training' })).toBeGreaterThan(one);
    expect(total({ work: 'scoring' })).toBeLessThan(one);
    const recomputed = [0, 6, 12, 24].map((recomputedLayerCount) => total({ recomputedLayerCount }));
    expect(recomputed).toEqual([...recomputed].sort((left, right) => right - left));
    expect(recomputed.at(-1)!).toBeLessThan(5.2e9);
  });

  test('has no table of attention of its own where it is formed in blocks', () => {
    const batch = { rowCount: 1, tokenCount: 2048, supervisedCount: 10 };
    expect(countMemory({ ...QUESTION, batch }).attention).toBe(0);
    expect(countMemory({ ...QUESTION, batch, engine: 'torch' }).attention).toBe(0);
  });

  test('has the pictures’ need where it is the larger one', () => {
    const batch = { rowCount: 1, tokenCount: 16, supervisedCount: 1 };
    const { activations, attention, work } = countMemory({ ...QUESTION, batch });
    expect([activations, attention]).toEqual([0, 0]);
    expect(work).toBeGreaterThan(100e6);
  });
});

describe('pictures and clips in towers', () => {
  // Qwen2.5-VL's of 3 B, Qwen2-Audio's and Gemma 4's, as `inspect` gives them.
  const pixels = 3 * 2 * 14 * 14;
  const video = {
    hidden: 1280,
    inner: 3420,
    innerTableCount: 3,
    input: pixels,
    prepared: 4 * pixels,
    stem: 0,
    local: null,
    keptLayerCount: 0,
  };
  const whisper = {
    ...video,
    inner: 5120,
    innerTableCount: 2,
    input: 2 * 128,
    prepared: 4 * 2 * 160 + 5 * 400,
    stem: 2 * 1280,
  };
  const conformer = {
    ...whisper,
    hidden: 1024,
    inner: 4096,
    input: 4 * 128,
    prepared: 4 * 4 * 160,
    stem: 128 * 128,
    local: { chunk: 12, context: 24, headCount: 8 },
  };
  const NONE = { pictures: 0, videos: 0, sounds: 0 };
  const asked = (
    towers: Partial<Towers>,
    vectors?: Partial<TowerVectors>,
    more: Partial<MemoryQuestion> = {},
  ): MemoryQuestion => ({
    ...QUESTION,
    engine: 'torch',
    sizes: { ...QUESTION.sizes, tower: null, towers: { image: null, video: null, audio: null, ...towers } },
    batch: { rowCount: 1, tokenCount: 16, supervisedCount: 1, ...(vectors && { vectors: { ...NONE, ...vectors } }) },
    ...more,
  });

  test('are not there for rows without', () => {
    const towers = { video, audio: whisper };
    const sizes = { ...QUESTION.sizes, tower: null };
    expect(countMemory(asked(towers))).toEqual(countMemory({ ...asked(towers), sizes }));
    expect(countMemory(asked(towers))).not.toHaveProperty('clips');
  });

  test('take of a video its patches, once as they are and as they are made, and the gated MLP of one layer', () => {
    // 32 frames of 448 × 448, two a patch.
    const vectors = 16 * 32 * 32;
    const count = countMemory(asked({ video }, { videos: vectors }));
    expect(count.clips).toBe(4 * vectors * 5 * pixels);
    expect(count).toMatchObject({ activations: 0, attention: 0, work: 4 * vectors * (3 * 1280 + 3 * 3420) });
    const half = countMemory(asked({ video }, { videos: vectors }, { valueBytes: 2 }));
    expect([half.work, half.clips]).toEqual([count.work / 2, count.clips]);
  });

  test('take of pictures the same of their own tower, whose input is counted beside that of clips', () => {
    // Two pictures of 448 × 448.
    const vectors = 2 * 32 * 32;
    const image = { ...video, prepared: 4 * pixels + 735 };
    const count = countMemory(asked({ image, video }, { pictures: vectors, videos: 64 }));
    expect(count).toMatchObject({ activations: 0, attention: 0, work: 4 * vectors * (3 * 1280 + 3 * 3420) });
    expect([count.pictures, count.clips]).toEqual([4 * vectors * (5 * pixels + 735), 4 * 64 * 5 * pixels]);
    expect(totalBytes(count)).toBeGreaterThan(totalBytes(countMemory(asked({ image, video }, { videos: 64 }))));
    expect(countMemory(asked({ image, video }, { videos: 64 }))).not.toHaveProperty('pictures');
    expect(countMemory(asked({ video }, { pictures: vectors }))).toEqual(countMemory(asked({ video })));
  });

  test('take of a tile of CLIP all layers, and LLaVA’s projector where it is wider, of SigLIP one layer', () => {
    // LLaVA-1.5 of 7 B, and Gemma 3.
    const square = { ...video, innerTableCount: 2, input: 3 * 14 * 14, prepared: 4 * 3 * 14 * 14 + 735 };
    const clip = { ...square, hidden: 1024, inner: 4096, innerTableCount: 3, stem: 4096, keptLayerCount: 23 };
    const siglip = { ...square, hidden: 1152, inner: 4304 };
    const work = (image: typeof clip, pictures: number): number => countMemory(asked({ image }, { pictures })).work;
    expect(work(clip, 8 * 576)).toBe(4 * 8 * 576 * (3 * 1024 + 3 * 4096 + 23 * 1024));
    expect(work({ ...clip, stem: 8192 }, 8 * 576)).toBe(4 * 8 * 576 * (3 * 8192 + 23 * 1024));
    expect(work(siglip, 4096)).toBe(4 * 4096 * (3 * 1152 + 2 * 4304));
  });

  test('keep the outputs of all layers where one of them is chosen by number', () => {
    const kept = { video: { ...video, keptLayerCount: 25 } };
    const [all, last] = [kept, { video }].map((towers) => countMemory(asked(towers, { videos: 4096 })).work);
    expect(all! - last!).toBe(4 * 4096 * 25 * 1280);
  });

  test('take of a sound the frames of its spectrogram, and the MLP of one layer', () => {
    const count = countMemory(asked({ audio: whisper }, { sounds: 8 * 1500 }));
    expect(count.clips).toBe(4 * 8 * 1500 * (2 * 128 + 4 * 2 * 160 + 5 * 400));
    expect(count).toMatchObject({ activations: 0, work: 4 * 8 * 1500 * (3 * 1280 + 2 * 5120) });
  });

  test('take what convolutions form where these are wider, or what attention sees where that is more', () => {
    const work = (tower: typeof conformer): number => countMemory(asked({ audio: tower }, { sounds: 8 * 750 })).work;
    expect(work(conformer)).toBe(4 * 8 * 750 * 3 * 128 * 128);
    expect(work({ ...conformer, stem: 0 })).toBe(4 * 8 * 750 * (12 * 1024 + 4 * 8 * 24));
  });

  test('need the larger tower alone, as one is at work after the other, and the decoder where it is larger still', () => {
    const towers = { video, audio: whisper };
    const work = (vectors: Partial<TowerVectors>): number => countMemory(asked(towers, vectors)).work;
    expect(work({ videos: 4096, sounds: 3000 })).toBe(work({ videos: 4096 }));
    const long = { rowCount: 1, tokenCount: 4096, supervisedCount: 10 };
    const [plain, few] = [long, { ...long, vectors: { ...NONE, videos: 64 } }].map((batch) =>
      countMemory(asked(towers, undefined, { batch })),
    );
    expect(few).toEqual({ ...plain, clips: 4 * 64 * 5 * pixels });
  });

  test('of rows together are padded to the longest sound', () => {
    const rows = [
      { pictures: 576, videos: 64, sounds: [100, 300] },
      { pictures: 0, videos: 32, sounds: [] },
      { pictures: 1152, videos: 0, sounds: [200] },
    ];
    expect(vectorsOf(rows)).toEqual({ pictures: 1728, videos: 96, sounds: 900 });
    expect(vectorsOf([])).toEqual(NONE);
  });
});
