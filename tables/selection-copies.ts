import type { ArtifactReference } from '../contracts/references.ts';
import { fileOf, readManifest } from '../store/artifacts.ts';
import { tableSchema } from './schemas.ts';
import type { Store } from '../store/store.ts';
import { readTable } from './arrow-file.ts';

/** Copies of every selected row by its row index. */
export async function readCopies(store: Store, selection: ArtifactReference): Promise<ReadonlyMap<number, number>> {
  const manifest = await readManifest(store, selection);
  const file = fileOf(manifest, 'selection.arrow');
  const copies = new Map<number, number>();
  for await (const batch of readTable(store, selection.uri, file, tableSchema('selection'))) {
    const counts = batch.uint32('copies');
    for (const [row, rowIndex] of batch.uint32('row_index').entries()) copies.set(rowIndex, counts[row]!);
  }
  return copies;
}
