// Rows of a run as a list that a recipe leaves out: dataset.exclude_rows.
import { readFile } from 'node:fs/promises';
import { localFile } from '../../activities/shared/local-dataset.ts';
import type { RunResult } from '../../contracts/messages/run.ts';
import { openStore } from '../../store/open-store.ts';
import { contentHexAt } from '../../tables/hash-column.ts';
import { rowsTable } from '../../tables/rows.ts';

/** A list, part by part, and what is in it. */
export interface ExcludedList {
  bytes: Buffer[];
  /** Rows that it adds to those that the run has left out already. */
  count: number;
  /** Rows that were asked for and cannot be used, list or not. */
  unusableCount: number;
}

/**
 * Rows by their contents, so that the list holds where the dataset's rows move, behind what the run has left out.
 * @throws RangeError for a row that the run has not
 */
export async function excludedList(result: RunResult, rows: readonly number[]): Promise<ExcludedList> {
  const { dataset, config, runName } = result;
  if (dataset === null) throw new RangeError('rows: run must have read its dataset, got no rows');
  const wanted = new Uint8Array(dataset.rowCount);
  for (const row of rows) {
    if (row >= wanted.length) throw new RangeError(`rows: must be of the run, got ${row.toLocaleString('en')}`);
    wanted[row] = 1;
  }
  const former = config.dataset.excludeRows ?? null;
  const before = former === null ? '' : (await readFile(await localFile(openStore, former), 'utf8')).trimEnd();
  const bytes = [Buffer.from(`${before === '' ? '' : `${before}\n`}# rows of run ${runName}, by content\n`)];
  let [count, unusableCount] = [0, 0];
  for await (const batch of rowsTable.read(openStore(config.store.uri), dataset.rows)) {
    const hashes: string[] = [];
    for (const [place, index] of batch.rowIndex.entries()) {
      if (wanted[index] !== 1) continue;
      if (batch.reason[place] === null) hashes.push(`${contentHexAt(batch.contentHash, place)}\n`);
      else unusableCount += 1;
    }
    bytes.push(Buffer.from(hashes.join('')));
    count += hashes.length;
  }
  return { bytes, count, unusableCount };
}
