// The fixed plan: which usable rows go through the model together.

/** Rows of one planning window: micro-batches never cross its borders. */
export const WINDOW_ROWS = 1024;

/**
 * Groups usable rows into micro-batches, once and for all: rows in row order in windows of 1,024, stably sorted by
 * length inside a window, cut so that rows × longest ≤ tokenBudget, at least one row. The plan depends on nothing but
 * lengths and budget, so neither shards nor workers change any number.
 *
 * @param tokenCounts `[example]` length of each usable row, in row order
 * @returns positions in `tokenCounts` of each micro-batch
 */
export function planMicroBatches(tokenCounts: ArrayLike<number>, tokenBudget: number): number[][] {
  const batches: number[][] = [];
  for (let start = 0; start < tokenCounts.length; start += WINDOW_ROWS) {
    const size = Math.min(WINDOW_ROWS, tokenCounts.length - start);
    const order = Array.from({ length: size }, (_, index) => start + index);
    order.sort((left, right) => tokenCounts[left]! - tokenCounts[right]! || left - right);
    let open: number[] = [];
    for (const position of order) {
      if (open.length > 0 && (open.length + 1) * tokenCounts[position]! > tokenBudget) {
        batches.push(open);
        open = [];
      }
      open.push(position);
    }
    batches.push(open);
  }
  return batches;
}

/**
 * Shard of each micro-batch, asked in order: a shard is a run of whole micro-batches with at least `shardRows` rows,
 * the last may have fewer.
 *
 * @returns takes the rows of the next micro-batch, gives its shard
 */
export function shardCounter(shardRows: number): (batchSize: number) => number {
  let shard = 0;
  let rows = 0;
  return (batchSize) => {
    if (rows >= shardRows) {
      shard += 1;
      rows = 0;
    }
    rows += batchSize;
    return shard;
  };
}
