// The largest micro-batch of a plan, as its rows stream by.
import type { ClipVectors } from '../../contracts/clips.ts';
import type { PlannedRow } from '../../dataset/rows/plan-rows.ts';
import type { RowRecord } from '../../dataset/rows/scan-dataset.ts';
import { clipVectorsOf, mostVectors } from '../../model/memory/clip-bytes.ts';
import type { MicroBatchSize } from '../../model/memory/memory-question.ts';
import type { RowsDetails } from '../../tables/rows.ts';

/**
 * Finds the micro-batch with the most padded tokens; of equal ones that with the longest row. With it go the most
 * vectors that any micro-batch has in each tower, as memory is the decoder's or a tower's.
 */
export class LargestBatch {
  #batch: MicroBatchSize | null = null;
  #clips: ClipVectors | null = null;

  get found(): MicroBatchSize | null {
    return this.#batch && { ...this.#batch, ...(this.#clips && { clips: this.#clips }) };
  }

  /** What the artifact says of it. */
  details(): Pick<RowsDetails, 'largestBatch'> {
    if (this.found === null) return {};
    const { rowCount, tokenCount, clips } = this.found;
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
      const clips = records.flatMap(({ clipVectors }) => clipVectors ?? []);
      if (clips.length > 0) this.#clips = mostVectors([this.#clips ?? [], clipVectorsOf(clips)].flat());
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
