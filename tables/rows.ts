// The rows table: every row of a dataset with its identity, its task and its place in the plan of the work.
import type { GradientsConfig } from '../contracts/config.ts';
import { ArtifactMismatchError } from '../contracts/failures.ts';
import type { ScanResult } from '../contracts/messages/dataset.ts';
import type { ArtifactReference } from '../contracts/references.ts';
import type { CountedPlace } from '../contracts/row-place.ts';
import { readDetails } from '../store/artifacts.ts';
import type { Store } from '../store/store.ts';
import { boolean, hash, int64, optionalText, uint32 } from './columns.ts';
import { contentHashAt } from './hash-column.ts';
import { fileTable } from './table.ts';
import type { Rows } from './table.ts';

/** `microBatch` and `shard` of a row that is not in the plan: quarantined. */
export const NO_BATCH = 0xffffffff;

const COLUMNS = {
  rowIndex: uint32,
  sourceIndex: uint32,
  byteStart: int64,
  byteEnd: int64,
  /** Raw JSON text of the row's `id`. */
  id: optionalText,
  task: optionalText,
  /** The row's first picture. */
  image: optionalText,
  contentHash: hash,
  tokenCount: uint32,
  imageTokenCount: uint32,
  supervisedTokenCount: uint32,
  truncated: boolean,
  microBatch: uint32,
  shard: uint32,
  /** Why the row is set aside; null for a usable row. */
  reason: optionalText,
} as const;

/** Rows in the dataset's order, columns `[row]`; those set aside have {@link NO_BATCH} for their place in the plan. */
export type RowsBatch = Rows<typeof COLUMNS>;

/** Reads and writes {@link RowsBatch}. */
export const rowsTable = fileTable('rows', COLUMNS);

/** What the artifact says beside its table. */
export type RowsDetails = Omit<ScanResult, 'rows' | 'cached'>;

/** A rows table of some rows of another one says of itself only how the work is cut. */
export type PlanDetails = Pick<RowsDetails, 'rowCount' | 'usableCount' | 'shardCount' | 'microBatchCount'>;

/**
 * Counts, tasks and the plan of a whole rows table, from its manifest: no row is read.
 * @throws DamagedArtifactError where the manifest is not the one referred to
 */
export function readRowsDetails(store: Store, rows: ArtifactReference): Promise<RowsDetails> {
  return readDetails<RowsDetails>(store, rows);
}

/**
 * Padded tokens of a micro-batch of a rows table: as the recipe says, or as was picked when the table was made,
 * whatever this machine would pick.
 */
export async function readTokenBudget(
  store: Store,
  rows: ArtifactReference,
  { tokenBudget }: Pick<GradientsConfig, 'tokenBudget'>,
): Promise<number> {
  if (tokenBudget !== 'auto') return tokenBudget;
  const picked = (await readRowsDetails(store, rows)).tokenBudget;
  if (picked !== undefined) return picked;
  throw new ArtifactMismatchError(
    `${rows.uri}: must say the token budget that was picked, got none; run the dataset stage anew`,
  );
}

/** How many shards a rows table is cut into. */
export async function readShardCount(store: Store, rows: ArtifactReference): Promise<number> {
  return (await readDetails<PlanDetails>(store, rows)).shardCount;
}

/** A usable row of the rows table. */
export interface UsableRow extends CountedPlace {
  /** Position among the usable rows. */
  position: number;
  task: string;
  /** 32 bytes. */
  contentHash: Uint8Array;
  /** Whether its end is cut at the longest length. */
  truncated: boolean;
  microBatch: number;
  shard: number;
}

/** Streams the usable rows, in row order. */
export async function* usableRows(store: Store, rows: ArtifactReference): AsyncGenerator<UsableRow> {
  let position = 0;
  for await (const batch of rowsTable.read(store, rows)) {
    const { reason, task, rowIndex, sourceIndex, byteStart, byteEnd, microBatch, shard } = batch;
    const { tokenCount, supervisedTokenCount, truncated } = batch;
    for (let row = 0; row < batch.rowCount; row += 1) {
      if (reason[row] !== null) continue;
      yield {
        rowIndex: rowIndex[row]!,
        sourceIndex: sourceIndex[row]!,
        byteStart: Number(byteStart[row]),
        byteEnd: Number(byteEnd[row]),
        position: position++,
        task: task[row]!,
        contentHash: contentHashAt(batch.contentHash, row),
        tokenCount: tokenCount[row]!,
        supervisedTokenCount: supervisedTokenCount[row]!,
        truncated: truncated[row]!,
        microBatch: microBatch[row]!,
        shard: shard[row]!,
      };
    }
  }
}

/** All usable rows, in row order: about 300 bytes each. */
export async function readUsableRows(store: Store, rows: ArtifactReference): Promise<UsableRow[]> {
  const all: UsableRow[] = [];
  for await (const row of usableRows(store, rows)) all.push(row);
  return all;
}
