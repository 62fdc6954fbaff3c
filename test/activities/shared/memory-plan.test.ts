import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  memoryFacts,
  needsRecomputation,
  requireBatch,
  tokenBudgetFor,
  workMemory,
} from '../../../activities/shared/memory-plan.ts';
import type { MemoryFacts } from '../../../activities/shared/memory-plan.ts';
import { MEMORY_VARIABLE } from '../../../contracts/memory-variable.ts';
import { SmallRun } from '../small-run.ts';

const run = new SmallRun();
afterEach(() => void vi.unstubAllEnvs());

describe('layers are computed again', () => {
  test.each([
    ['not where there is room', 256e9, false],
    // Of these rows a layer keeps a gigabyte, and its input some megabytes.
    ['where what they keep does not fit', 0.9e9, true],
  ])('%s', async (_, bytes, wanted) => {
    vi.stubEnv(MEMORY_VARIABLE, String(bytes));
    const config = run.config('gradients.cutoff_len=4096', 'gradients.token_budget=262144');
    expect(await needsRecomputation(config, run.models)).toBe(wanted);
  });
});

describe('rows whose pictures go through a wide tower', () => {
  /** The small model on the torch engine, with the tower of LLaVA-1.5 of 7 B. */
  async function facts(memoryBytes: number): Promise<MemoryFacts> {
    const { questions } = await memoryFacts(run.config(), run.models, ['gradients']);
    const pixels = { input: 3 * 14 * 14, prepared: 4 * 3 * 14 * 14 };
    const image = {
      hidden: 1024,
      inner: 4096,
      innerTableCount: 3,
      ...pixels,
      stem: 4096,
      local: null,
      keptLayerCount: 23,
    };
    const towers = { image, video: null, audio: null };
    const seeing = questions.map((question) => ({
      ...question,
      engine: 'torch' as const,
      cacheBytes: 0,
      sizes: { ...question.sizes, tower: null, towers },
    }));
    return { memoryBytes, questions: seeing, density: { pictures: 0.9, videos: 0, sounds: 0 } };
  }

  test('take smaller micro-batches where there is less memory', async () => {
    const config = run.config('gradients.cutoff_len=1024', 'gradients.token_budget=auto');
    const budget = async (bytes: number): Promise<number> => tokenBudgetFor(await facts(bytes), config);
    expect([await budget(2.5e9), await budget(1.5e9), await budget(1.1e9)]).toEqual([8192, 4096, 2048]);
    expect(tokenBudgetFor({ ...(await facts(1.1e9)), density: null }, config)).toBe(8192);
  });

  test('are counted by kind, and refused with the vectors where they do not fit', async () => {
    const one = { rowCount: 1, tokenCount: 600, supervisedCount: 10 };
    const batch = { ...one, vectors: { pictures: 16 * 576, videos: 0, sounds: 0 } };
    const [{ count } = { count: null }] = workMemory(await facts(1.5e9), batch);
    expect(count).toMatchObject({ work: 4 * 16 * 576 * (26 * 1024 + 3 * 4096), pictures: 4 * 16 * 576 * 5 * 588 });
    const small = await facts(1.5e9);
    expect(() => requireBatch(small, batch)).toThrow(
      /for 1 row of 600 tokens, 9,216 vectors of pictures \(work 1\.4 GB, .*\); lower gradients\.cutoff_len or warmup\.lora_rank, show fewer pictures a row, start fewer/,
    );
    expect(() => requireBatch(small, { ...batch, rowCount: 2 })).toThrow(/lower gradients\.token_budget, start fewer/);
    expect(() => requireBatch(small, one)).not.toThrow();
  });
});
