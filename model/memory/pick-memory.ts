// What is picked so that a process has memory enough: layers that are computed again, tokens of a micro-batch.
import type { VectorDensity } from './tower-bytes.ts';
import { countMemory } from './count-memory.ts';
import { totalBytes } from './memory-question.ts';
import type { MemoryQuestion, MicroBatchSize } from './memory-question.ts';

/**
 * Padded tokens of a micro-batch that `auto` picks from, the first that fits. Beyond the first nothing gets faster, and
 * below the last a processor has too little to do at once.
 */
export const TOKEN_BUDGETS = [8192, 4096, 2048, 1024] as const;

/**
 * Layers whose forward pass is done again so that a micro-batch fits: as few as are enough, all where none are. Their
 * number changes no bits, so it is picked where the work is done.
 */
export function pickRecomputedLayers(
  question: Omit<MemoryQuestion, 'recomputedLayerCount'>,
  memoryBytes: number,
): number {
  const { layerCount } = question.sizes;
  const fits = (count: number): boolean =>
    totalBytes(countMemory({ ...question, recomputedLayerCount: count })) <= memoryBytes;
  if (question.work === 'scoring' || fits(0)) return 0;
  // More layers never need more memory.
  let [low, high] = [0, layerCount];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (fits(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/**
 * The largest micro-batch that a budget allows, of rows as long as any may be.
 * @param density of rows with pictures, videos or sounds; null for rows without
 */
export function largestBatch(
  tokenBudget: number,
  cutoffLen: number,
  density: VectorDensity | null = null,
): MicroBatchSize {
  const rowCount = Math.max(1, Math.floor(tokenBudget / cutoffLen));
  const batch = { rowCount, tokenCount: cutoffLen, supervisedCount: null };
  if (density === null) return batch;
  const vectors = (aToken: number): number => Math.ceil(rowCount * cutoffLen * aToken);
  const { pictures, videos, sounds } = density;
  return { ...batch, vectors: { pictures: vectors(pictures), videos: vectors(videos), sounds: vectors(sounds) } };
}

/**
 * Padded tokens of a micro-batch: the most with which all kinds of work fit without computing a layer twice, which
 * costs half as much again, else the least.
 *
 * @param questions one for each kind of work, of any micro-batch
 * @param density as {@link largestBatch} takes it
 */
export function pickTokenBudget(
  questions: readonly MemoryQuestion[],
  cutoffLen: number,
  memoryBytes: number,
  density: VectorDensity | null = null,
): number {
  const fits = (budget: number): boolean =>
    questions.every((question) => {
      const whole = { ...question, batch: largestBatch(budget, cutoffLen, density), recomputedLayerCount: 0 };
      return totalBytes(countMemory(whole)) <= memoryBytes;
    });
  return TOKEN_BUDGETS.find(fits) ?? TOKEN_BUDGETS.at(-1)!;
}
