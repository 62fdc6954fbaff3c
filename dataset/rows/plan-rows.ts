// Rows with their places in the fixed plan, as they stream by.
import { WINDOW_ROWS, planMicroBatches, shardCounter } from './micro-batches.ts';
import type { RowRecord } from './scan-dataset.ts';

/** A row with its place in the fixed plan; a row that is set aside has none. */
export interface PlannedRow {
  record: RowRecord;
  place: { microBatch: number; shard: number } | null;
}

/**
 * Gives every usable row its micro-batch and shard as the rows stream by, in row order. Memory is one planning window,
 * and the rows set aside among it.
 */
export async function* planRows(
  records: AsyncIterable<readonly RowRecord[]>,
  { tokenBudget, shardRows }: { tokenBudget: number; shardRows: number },
): AsyncGenerator<PlannedRow[]> {
  const nextShard = shardCounter(shardRows);
  let batchCount = 0;
  const planWindow = (rows: readonly RowRecord[]): PlannedRow[] => {
    const planned = rows.map((record): PlannedRow => ({ record, place: null }));
    const usable = planned.filter(({ record }) => record.rejection === null);
    for (const positions of planMicroBatches(
      usable.map(({ record }) => record.tokenCount),
      tokenBudget,
    )) {
      const place = { microBatch: batchCount++, shard: nextShard(positions.length) };
      for (const position of positions) usable[position]!.place = place;
    }
    return planned;
  };
  let window: RowRecord[] = [];
  let usableCount = 0;
  for await (const chunk of records) {
    for (const record of chunk) {
      window.push(record);
      if (record.rejection !== null || ++usableCount < WINDOW_ROWS) continue;
      yield planWindow(window);
      window = [];
      usableCount = 0;
    }
  }
  if (window.length > 0) yield planWindow(window);
}
