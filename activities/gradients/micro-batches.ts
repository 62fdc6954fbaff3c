// The micro-batches of a gradient shard.
import type { ArtifactReference } from '../../contracts/references.ts';
import type { Store } from '../../store/store.ts';
import { usableRows } from '../../tables/rows.ts';
import type { UsableRow } from '../../tables/rows.ts';

/** Rows that go through the model together. */
export interface MicroBatch {
  index: number;
  /** In the order of the plan. */
  rows: UsableRow[];
}

/** A shard's micro-batches, in order. */
export async function readMicroBatches(store: Store, rows: ArtifactReference, shard: number): Promise<MicroBatch[]> {
  const batches = new Map<number, MicroBatch>();
  for await (const row of usableRows(store, rows)) {
    if (row.shard !== shard) continue;
    const batch = batches.get(row.microBatch) ?? { index: row.microBatch, rows: [] };
    batches.set(row.microBatch, batch);
    batch.rows.push(row);
  }
  for (const batch of batches.values()) batch.rows.sort(byLength);
  return [...batches.values()].sort((left, right) => left.index - right.index);
}

/** Order of rows inside a micro-batch: that of the plan. */
function byLength(left: UsableRow, right: UsableRow): number {
  return left.tokenCount - right.tokenCount || left.position - right.position;
}

/** The micro-batch that comes next, for a message about it. */
export function describeNext(batches: readonly MicroBatch[], done: ReadonlyMap<number, string>): string {
  const next = batches.find(({ index }) => !done.has(index));
  if (next === undefined) return ' (all micro-batches are there, the shard is not closed)';
  const tokenCount = Math.max(...next.rows.map((row) => row.tokenCount));
  return ` (micro-batch ${next.index}: ${next.rows.length} rows padded to ${tokenCount} tokens)`;
}
