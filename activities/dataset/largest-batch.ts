// The largest micro-batch of a plan, as its rows stream by.
import type { PlannedRow } from '../../dataset/rows/plan-rows.ts';
import type { MicroBatchSize } from '../../model/memory/memory-question.ts';
import type { RowsDetails } from '../../tables/rows.ts';

/** Finds the micro-batch with the most padded tokens; of equal ones that with the longest row. */
export class LargestBatch {
  found: MicroBatchSize | null = null;

  /** What the artifact says of it. */
  details(): Pick<RowsDetails, 'largestBatch'> {
    if (this.found === null) return {};
    const { rowCount, tokenCount } = this.found;
    return { largestBatch: { rowCount, tokenCount } };
  }

  /** @param rows of whole micro-batches: one planning window */
  add(rows: readonly PlannedRow[]): void {
    const batches = new Map<number, { rowCount: number; tokenCount: number; supervisedCount: number }>();
    for (const { record, place } of rows) {
      if (place === null) continue;
      const batch = batches.get(place.microBatch) ?? { rowCount: 0, tokenCount: 0, supervisedCount: 0 };
      batch.rowCount += 1;
      batch.tokenCount = Math.max(batch.tokenCount, record.tokenCount);
      batch.supervisedCount += record.supervisedTokenCount;
      batches.set(place.microBatch, batch);
    }
    for (const batch of batches.values()) if (this.found === null || isLarger(batch, this.found)) this.found = batch;
  }
}

function isLarger(one: MicroBatchSize, other: MicroBatchSize): boolean {
  const tokens = ({ rowCount, tokenCount }: MicroBatchSize): number => rowCount * tokenCount;
  return tokens(one) > tokens(other) || (tokens(one) === tokens(other) && one.tokenCount > other.tokenCount);
}
