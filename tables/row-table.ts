import type { ArtifactReference } from '../contracts/references.ts';
import type { RowPlace } from '../contracts/row-place.ts';
import { fileOf, readManifest } from '../store/artifacts.ts';
import { tableSchema } from './schemas.ts';
import type { Store } from '../store/store.ts';
import { readTable } from './arrow-file.ts';

/** A usable row of the rows table. */
export interface TableRow extends RowPlace {
  /** Position among the usable rows. */
  position: number;
  task: string;
  /** 32 bytes. */
  contentHash: Uint8Array;
  tokenCount: number;
  microBatch: number;
  shard: number;
}

/** Streams the usable rows, in row order. */
export async function* usableRows(store: Store, rows: ArtifactReference): AsyncGenerator<TableRow> {
  const manifest = await readManifest(store, rows);
  let position = 0;
  for await (const batch of readTable(store, rows.uri, fileOf(manifest, 'rows.arrow'), tableSchema('rows'))) {
    const reasons = batch.strings('reason');
    const tasks = batch.strings('task');
    const [rowIndex, sourceIndex, tokenCount] = [
      batch.uint32('row_index'),
      batch.uint32('source_index'),
      batch.uint32('token_count'),
    ];
    const [byteStart, byteEnd] = [batch.int64('byte_start'), batch.int64('byte_end')];
    const [microBatch, shard] = [batch.uint32('micro_batch'), batch.uint32('shard')];
    const hashes = batch.bytes('content_hash');
    for (let row = 0; row < batch.rowCount; row += 1) {
      if (reasons[row] !== null) continue;
      yield {
        rowIndex: rowIndex[row]!,
        sourceIndex: sourceIndex[row]!,
        byteStart: Number(byteStart[row]),
        byteEnd: Number(byteEnd[row]),
        position: position++,
        task: tasks[row]!,
        contentHash: hashes.slice(row * 32, (row + 1) * 32),
        tokenCount: tokenCount[row]!,
        microBatch: microBatch[row]!,
        shard: shard[row]!,
      };
    }
  }
}
