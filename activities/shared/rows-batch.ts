// Planned rows of a dataset as what is stored of them: a batch of the rows table, a line of those set aside; and back.
import type { ArtifactReference } from '../../contracts/references.ts';
import type { PlannedRow } from '../../dataset/rows/plan-rows.ts';
import type { RowRecord } from '../../dataset/rows/scan-dataset.ts';
import type { Store } from '../../store/store.ts';
import { contentHashAt, hashColumn } from '../../tables/hash-column.ts';
import { quarantineLine } from '../../tables/quarantine.ts';
import { NO_BATCH, rowsTable } from '../../tables/rows.ts';
import type { RowsBatch } from '../../tables/rows.ts';

/** Rows with their places in the plan, as the rows table has them. */
export function toRowsBatch(rows: readonly PlannedRow[]): RowsBatch {
  const numbers = (pick: (row: PlannedRow) => number): Uint32Array => Uint32Array.from(rows, pick);
  return {
    rowCount: rows.length,
    rowIndex: numbers(({ record }) => record.rowIndex),
    sourceIndex: numbers(({ record }) => record.sourceIndex),
    byteStart: BigInt64Array.from(rows, ({ record }) => BigInt(record.byteStart)),
    byteEnd: BigInt64Array.from(rows, ({ record }) => BigInt(record.byteEnd)),
    id: rows.map(({ record }) => record.id),
    task: rows.map(({ record }) => record.task),
    image: rows.map(({ record }) => record.image),
    contentHash: hashColumn(rows.map(({ record }) => record.contentHash)),
    tokenCount: numbers(({ record }) => record.tokenCount),
    imageTokenCount: numbers(({ record }) => record.imageTokenCount),
    supervisedTokenCount: numbers(({ record }) => record.supervisedTokenCount),
    truncated: rows.map(({ record }) => record.truncated),
    microBatch: numbers(({ place }) => place?.microBatch ?? NO_BATCH),
    shard: numbers(({ place }) => place?.shard ?? NO_BATCH),
    reason: rows.map(({ record }) => record.rejection?.reason ?? null),
  };
}

/** A row's line in the list of rows that are set aside; null for a usable row. */
export function setAsideLine({ record: { rowIndex, task, rejection } }: PlannedRow): string | null {
  return rejection === null ? null : quarantineLine({ rowIndex, task, ...rejection });
}

/** The usable rows of a rows table that are wanted, as the dataset stage has seen them. */
export async function* readRecords(
  store: Store,
  rows: ArtifactReference,
  isWanted: (rowIndex: number) => boolean,
): AsyncGenerator<RowRecord[]> {
  for await (const batch of rowsTable.read(store, rows)) {
    const places = Array.from({ length: batch.rowCount }, (_, row) => row);
    yield places
      .filter((row) => batch.reason[row] === null && isWanted(batch.rowIndex[row]!))
      .map((row) => ({
        rowIndex: batch.rowIndex[row]!,
        sourceIndex: batch.sourceIndex[row]!,
        byteStart: Number(batch.byteStart[row]),
        byteEnd: Number(batch.byteEnd[row]),
        id: batch.id[row]!,
        task: batch.task[row]!,
        image: batch.image[row]!,
        contentHash: contentHashAt(batch.contentHash, row),
        tokenCount: batch.tokenCount[row]!,
        imageTokenCount: batch.imageTokenCount[row]!,
        supervisedTokenCount: batch.supervisedTokenCount[row]!,
        truncated: batch.truncated[row]!,
        rejection: null,
        extensionDiffers: false,
        unreadKeys: [],
      }));
  }
}
