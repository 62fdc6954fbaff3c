// Export of a run's selection to a file or folder.
import { join } from 'node:path';
import { readCopies } from '../../tables/selection.ts';
import type { RunResult } from '../../contracts/messages/run.ts';
import { LocalStore } from '../../store/local-store.ts';
import type { ExportForm } from './export-forms.ts';
import { encodeNpy } from './npy.ts';
import type { Store } from '../../store/store.ts';
import { datasetInfo, jsonLines, llavaBytes, sharegptBytes } from './export-rows.ts';
import type { ExportedRows } from './export-rows.ts';
import { csvBytes, writeParquet } from './export-table.ts';
import { copyFiles } from '../runs/run-folder.ts';

/** What was written. */
export interface Exported {
  /** The file or folder. */
  path: string;
  rowCount: number;
}

/**
 * Writes a run's selection in another tool's form into a folder.
 * @param withValues rows of llava and jsonl get a key `tive` with values, probability, rank and copies
 */
export async function exportRun(
  store: Store,
  result: RunResult,
  form: ExportForm,
  folder: string,
  withValues = false,
): Promise<Exported> {
  if (withValues && form !== 'llava' && form !== 'jsonl')
    throw new RangeError(`export: --with-values must go with llava or jsonl, got ${form}`);
  const files = new LocalStore(folder);
  if (form === 'adapter') return exportAdapter(store, result, files);
  const { values } = result;
  const selection = result.methods[0]?.selection ?? null;
  if (selection === null || values === null)
    throw new RangeError('export: run must have a selection, got none; tive run RECIPE --until selection');
  const usableCount = values.tasks.reduce((sum, { rowCount }) => sum + rowCount, 0);
  if (form === 'csv') {
    await files.write('values.csv', csvBytes(store, { values, selection }));
    return { path: join(folder, 'values.csv'), rowCount: usableCount };
  }
  if (form === 'parquet') {
    const path = await writeParquet(store, { values, selection }, folder, 'values.parquet');
    return { path, rowCount: usableCount };
  }
  const copies = await readCopies(store, selection.selection);
  const rowCount = [...copies.values()].reduce((sum, count) => sum + count, 0);
  const name = await writeRows({ store, result, copies, files, withValues }, form);
  return { path: join(folder, name), rowCount };
}

async function exportAdapter(store: Store, { methods }: RunResult, files: LocalStore): Promise<Exported> {
  const finetune = methods[0]?.finetune ?? null;
  if (finetune === null)
    throw new RangeError('export: run must be fine-tuned, got no adapter; tive run RECIPE --until finetune');
  await copyFiles(store, finetune.adapter, files, 'adapter');
  return { path: join(files.uri, 'adapter'), rowCount: finetune.rowCount };
}

/** @returns name of the file that a person looks for */
async function writeRows(exported: ExportedRows, form: 'llava' | 'jsonl' | 'sharegpt' | 'indices'): Promise<string> {
  const { result, copies, files } = exported;
  if (form === 'indices') {
    const indices = [...copies]
      .sort(([left], [right]) => left - right)
      .flatMap(([rowIndex, count]) => Array.from({ length: count }, () => rowIndex));
    await files.write('selected_indices.npy', [encodeNpy(indices)]);
    await files.write('selected_indices.json', [Buffer.from(`${JSON.stringify(indices)}\n`)]);
    return 'selected_indices.npy';
  }
  if (form === 'sharegpt') {
    const own = new LocalStore(join(exported.files.uri, 'sharegpt'));
    await own.write('data.json', sharegptBytes({ ...exported, files: own }));
    await own.write('dataset_info.json', [
      Buffer.from(`${JSON.stringify(datasetInfo(result.runName, 'data.json'), null, 2)}\n`),
    ]);
    return 'sharegpt/data.json';
  }
  const name = form === 'jsonl' ? 'rows.jsonl' : 'llava.json';
  await files.write(name, (form === 'jsonl' ? jsonLines : llavaBytes)(exported));
  return name;
}
