// The number of a dataset's rows.
import { localDataset } from '../../activities/shared/local-dataset.ts';
import type { DatasetConfig } from '../../contracts/config.ts';
import { rowsOf } from '../../dataset/rows/row-source.ts';
import { openStore } from '../../store/open-store.ts';

/** Rows of all files, counted without parsing them. */
export async function countDatasetRows(dataset: DatasetConfig): Promise<number> {
  let count = 0;
  for (const source of (await localDataset(openStore, dataset, null)).sources) {
    const rows = rowsOf(source);
    while ((await rows.next()).done !== true) count += 1;
  }
  return count;
}
