// The largest micro-batch of a plan, as its rows stream by.
import type { TowerVectors } from '../../contracts/tower-vectors.ts';
import type { PlannedRow } from '../../dataset/rows/plan-rows.ts';
import type { RowRecord } from '../../dataset/rows/scan-dataset.ts';
import type { MicroBatchSize } from '../../model/memory/memory-question.ts';
import { mostVectors, vectorsOf } from '../../model/memory/tower-bytes.ts';
import type { RowsDetails } from '../../tables/rows.ts';

/**
 * Finds the micro-batch with the most padded tokens; of equal ones that with the longest row. With it go the most
 * vectors that any micro-batch has in each tower, as memory is the decoder's or a tower's.
 */
export class LargestBatch {
  #batch: MicroBatchSize | null = null;
  #vectors: TowerVectors | null = null;
  #hasClips = false;

  get found(): MicroBatchSize | null {
    return this.#batch && { ...this.#batch, ...(this.#vectors && { vectors: this.#vectors }) };
  }

  /** What the artifact says of it; pictures are not in it. */
  details(): Pick<RowsDetails, 'largestBatch'> {
    if (this.found === null) return {};
    const { rowCount, tokenCount, vectors } = this.found;
    const clips = this.#hasClips && vectors && { videos: vectors.videos, sounds: vectors.sounds };
    return { largestBatch: { rowCount, tokenCount, ...(clips && { clips }) } };
  }

  /** @param rows of whole micro-batches: one planning window */
  add(rows: readonly PlannedRow[]): void {
    const batches = new Map<number, RowRecord[]>();
    for (const { record, place } of rows) {
      if (place === null) continue;
      const batch = batches.get(place.microBatch) ?? [];
      batch.push(record);
      batches.set(place.microBatch, batch);
    }
    for (const records of batches.values()) {
      const batch = sizeOf(records);
      if (this.#batch === null || isLarger(batch, this.#batch)) this.#batch = batch;
      const vectors = records.flatMap(({ towerVectors }) => towerVectors ?? []);
      if (vectors.length === 0) continue;
      this.#vectors = mostVectors([this.#vectors ?? [], vectorsOf(vectors)].flat());
      this.#hasClips ||= vectors.some(({ videos, sounds }) => videos > 0 || sounds.length > 0);
    }
  }
}

function sizeOf(records: readonly RowRecord[]): MicroBatchSize & { supervisedCount: number } {
  const size = { rowCount: records.length, tokenCount: 0, supervisedCount: 0 };
  for (const { tokenCount, supervisedTokenCount } of records) {
    size.tokenCount = Math.max(size.tokenCount, tokenCount);
    size.supervisedCount += supervisedTokenCount;
  }
  return size;
}

function isLarger(one: MicroBatchSize, other: MicroBatchSize): boolean {
  const tokens = ({ rowCount, tokenCount }: MicroBatchSize): number => rowCount * tokenCount;
  return tokens(one) > tokens(other) || (tokens(one) === tokens(other) && one.tokenCount > other.tokenCount);
}
