// The rows of a gradient shard, window by window of the plan.
import type { ArtifactReference } from '../../contracts/references.ts';
import { WINDOW_ROWS } from '../../dataset/rows/micro-batches.ts';
import type { Store } from '../../store/store.ts';
import { usableRows } from '../../tables/rows.ts';
import type { UsableRow } from '../../tables/rows.ts';

/** The rows that a shard's planning windows hold, with the shard's own micro-batches among them. */
export interface Window {
  index: number;
  /** All usable rows of the window, in row order: its pictures' groups depend on them. */
  rows: UsableRow[];
  /** The shard's micro-batches, in order. */
  batches: Map<number, UsableRow[]>;
}

/** Windows that hold a micro-batch of the shard. */
export async function readWindows(store: Store, rows: ArtifactReference, shard: number): Promise<Window[]> {
  const windows = new Map<number, Window>();
  let last: number | undefined;
  for await (const row of usableRows(store, rows)) {
    const index = Math.floor(row.position / WINDOW_ROWS);
    // A window without a batch of this shard is let go as soon as the next one begins.
    if (last !== undefined && last !== index && windows.get(last)!.batches.size === 0) windows.delete(last);
    const window = windows.get(index) ?? { index, rows: [], batches: new Map<number, UsableRow[]>() };
    windows.set(index, window);
    last = index;
    window.rows.push(row);
    if (row.shard === shard) window.batches.set(row.microBatch, [...(window.batches.get(row.microBatch) ?? []), row]);
  }
  const wanted = [...windows.values()].filter(({ batches }) => batches.size > 0);
  for (const { batches } of wanted) for (const batch of batches.values()) batch.sort(byLength);
  return wanted;
}

/** Order of rows inside a micro-batch: that of the plan. */
function byLength(left: UsableRow, right: UsableRow): number {
  return left.tokenCount - right.tokenCount || left.position - right.position;
}

/** The micro-batch that comes next, for a message about it. */
export function describeNext(windows: readonly Window[], done: ReadonlyMap<number, string>): string {
  const batches = windows.flatMap((window) => [...window.batches].filter(([microBatch]) => !done.has(microBatch)));
  const [microBatch, rows] = batches.sort(([left], [right]) => left - right)[0] ?? [];
  if (microBatch === undefined || rows === undefined) return ' (all micro-batches are there, the shard is not closed)';
  const tokenCount = Math.max(...rows.map((row) => row.tokenCount));
  return ` (micro-batch ${microBatch}: ${rows.length} rows padded to ${tokenCount} tokens)`;
}
