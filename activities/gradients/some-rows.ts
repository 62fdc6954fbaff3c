// A rows table of some rows of another one, with micro-batches of its own.
import type { Config } from '../../contracts/config.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import { planRows } from '../../dataset/rows/plan-rows.ts';
import type { Store } from '../../store/store.ts';
import { readTokenBudget, rowsTable } from '../../tables/rows.ts';
import type { PlanDetails, RowsBatch } from '../../tables/rows.ts';
import type { Pulse } from '../shared/heartbeat.ts';
import { readRecords, toRowsBatch } from '../shared/rows-batch.ts';
import { makeOutput } from '../shared/stage-output.ts';
import type { OutputPlace } from '../shared/stage-output.ts';

/** Which rows, and where they go. */
export interface SomeRows {
  config: Config;
  rows: ArtifactReference;
  place: OutputPlace;
  isWanted: (rowIndex: number) => boolean;
  /** How many are wanted. */
  rowCount: number;
}

/** Writes usable rows of a table with a plan of their own; the rows keep their indexes and identities. */
export async function writeSomeRows(
  store: Store,
  { config, rows, place, isWanted, rowCount }: SomeRows,
  pulse: Pulse,
): Promise<ArtifactReference> {
  const { reference } = await makeOutput<PlanDetails>(store, place, async () => {
    const tokenBudget = await readTokenBudget(store, rows, config.gradients);
    let [shardCount, microBatchCount] = [0, 0];
    const batches = async function* (): AsyncGenerator<RowsBatch> {
      const records = readRecords(store, rows, isWanted);
      for await (const window of planRows(records, { ...config.gradients, tokenBudget })) {
        for (const { place: planned } of window) {
          shardCount = Math.max(shardCount, (planned?.shard ?? -1) + 1);
          microBatchCount = Math.max(microBatchCount, (planned?.microBatch ?? -1) + 1);
        }
        yield toRowsBatch(window);
        await pulse.pause();
      }
    };
    const file = await rowsTable.write(store, place.folder, batches());
    return { files: [file], details: { rowCount, usableCount: rowCount, shardCount, microBatchCount } };
  });
  return reference;
}
