import { describe, expect, test } from 'vitest';
import { LARGE, configOf } from '../../../bench/large-model-folder.ts';
import { parseArchitecture, readArchitecture } from '../../../model/architectures/read-architecture.ts';
import { countMemory } from '../../../model/memory/count-memory.ts';
import { sizesOf } from '../../../model/memory/model-sizes.ts';
import { totalBytes } from '../../../model/memory/memory-question.ts';
import type { MemoryQuestion } from '../../../model/memory/memory-question.ts';
import { largestBatch, pickRecomputedLayers, pickTokenBudget } from '../../../model/memory/pick-memory.ts';
import { GOLDEN } from '../golden.ts';

const QUESTION: MemoryQuestion = {
  sizes: sizesOf(parseArchitecture(configOf(LARGE))),
  engine: 'tensorflow',
  valueBytes: 4,
  work: 'training',
  adapter: { rank: 128, targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj'] },
  projection: { kind: 'sparse', sketch: 8192 },
  batch: { rowCount: 1, tokenCount: 745, supervisedCount: 10 },
  recomputedLayerCount: 0,
  cacheBytes: 0,
};

describe('layers that are computed again', () => {
  test('are none where all fit, and all where none is enough', () => {
    expect(pickRecomputedLayers(QUESTION, 64e9)).toBe(0);
    expect(pickRecomputedLayers(QUESTION, 1e9)).toBe(24);
    expect(pickRecomputedLayers({ ...QUESTION, work: 'scoring' }, 1e9)).toBe(0);
  });

  test('are as few as are enough', () => {
    const bytes = (count: number): number => totalBytes(countMemory({ ...QUESTION, recomputedLayerCount: count }));
    for (const limit of [6e9, 6.5e9, 7e9]) {
      const count = pickRecomputedLayers(QUESTION, limit);
      expect(bytes(count), String(limit)).toBeLessThanOrEqual(limit);
      expect(bytes(count - 1), String(limit)).toBeGreaterThan(limit);
    }
  });
});

describe('tokens of a micro-batch', () => {
  test('a budget holds as many rows of the longest kind as fit, one at least', () => {
    expect(largestBatch(8192, 2048)).toEqual({ rowCount: 4, tokenCount: 2048, supervisedCount: null });
    expect(largestBatch(1024, 2048).rowCount).toBe(1);
  });

  test.each([
    [7.6e9, 1024],
    [12e9, 2048],
    [16e9, 4096],
    [64e9, 8192],
  ])('of %d bytes the most that fit without computing a layer twice: %i', (memoryBytes, budget) => {
    expect(pickTokenBudget([QUESTION, { ...QUESTION, work: 'gradients' }], 2048, memoryBytes)).toBe(budget);
  });

  test('are fewer where rows have pictures or clips whose towers need more', () => {
    const pixels = 3 * 2 * 14 * 14;
    const tower = { hidden: 1280, inner: 3420, innerTableCount: 3, input: pixels, prepared: 4 * pixels, stem: 0 };
    const seen = { ...tower, local: null, keptLayerCount: 0 };
    const towers = { image: seen, video: seen, audio: null };
    const question = { ...QUESTION, engine: 'torch' as const, sizes: { ...QUESTION.sizes, towers } };
    const none = { pictures: 0, videos: 0, sounds: 0 };
    expect(pickTokenBudget([question], 2048, 64e9)).toBe(8192);
    for (const kind of ['pictures', 'videos']) {
      const density = { ...none, [kind]: 100 };
      expect(largestBatch(8192, 2048, density).vectors).toEqual({ ...none, [kind]: 819_200 });
      expect(pickTokenBudget([question], 2048, 64e9, density)).toBe(4096);
      expect(pickTokenBudget([question], 2048, 64e9, { ...none, [kind]: 1 })).toBe(8192);
    }
  });

  test('of a small model are the most, in a gigabyte and a half, with its tower of pictures too', async () => {
    const question = { ...QUESTION, sizes: sizesOf(await readArchitecture(`${GOLDEN}/model`)) };
    expect(pickTokenBudget([question], 2048, 1.5e9)).toBe(8192);
    const pixels = { input: 3 * 2 * 14 * 14, prepared: 4 * 3 * 2 * 14 * 14 };
    const image = { hidden: 32, inner: 48, innerTableCount: 3, ...pixels, stem: 0, local: null, keptLayerCount: 0 };
    const sizes = { ...question.sizes, tower: null, towers: { image, video: null, audio: null } };
    const density = { pictures: 4, videos: 0, sounds: 0 };
    expect(pickTokenBudget([{ ...question, engine: 'torch', sizes }], 2048, 2e9, density)).toBe(8192);
  });
});
