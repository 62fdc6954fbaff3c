import { join } from 'node:path';
import { readCopies } from '../activities/selection-copies.ts';
import type { RunResult } from '../contracts/messages.ts';
import { LocalStore } from '../store/local-store.ts';
import { encodeNpy } from '../store/npy.ts';
import type { Store } from '../store/store.ts';
import { datasetInfo, jsonLines, llavaBytes, sharegptBytes } from './export-rows.ts';
import { csvBytes, writeParquet } from './export-table.ts';
import { copyFiles } from './run-folder.ts';

/** What a selection can be written as. */
export const EXPORT_FORMS = ['llava', 'jsonl', 'sharegpt', 'indices', 'csv', 'parquet', 'adapter'] as const;
export type ExportForm = (typeof EXPORT_FORMS)[number];

/** What was written. */
export interface Exported {
  /** The file or folder. */
  path: string;
  rowCount: number;
}

/** Writes a run's selection in another tool's form into a folder. */
export async function exportRun(store: Store, result: RunResult, form: ExportForm, folder: string): Promise<Exported> {
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
  const name = await writeRows(store, result, form, files, copies);
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
async function writeRows(
  store: Store,
  result: RunResult,
  form: 'llava' | 'jsonl' | 'sharegpt' | 'indices',
  files: LocalStore,
  copies: ReadonlyMap<number, number>,
): Promise<string> {
  if (form === 'indices') {
    const indices = [...copies]
      .sort(([left], [right]) => left - right)
      .flatMap(([rowIndex, count]) => Array.from({ length: count }, () => rowIndex));
    await files.write('selected_indices.npy', [encodeNpy(indices)]);
    await files.write('selected_indices.json', [Buffer.from(`${JSON.stringify(indices)}\n`)]);
    return 'selected_indices.npy';
  }
  if (form === 'sharegpt') {
    const own = new LocalStore(join(files.uri, 'sharegpt'));
    await own.write('data.json', sharegptBytes({ store, result, copies, files: own }));
    await own.write('dataset_info.json', [Buffer.from(datasetInfo(result.runName, 'data.json'))]);
    return 'sharegpt/data.json';
  }
  const name = form === 'jsonl' ? 'rows.jsonl' : 'llava.json';
  await files.write(name, (form === 'jsonl' ? jsonLines : llavaBytes)({ store, result, copies, files }));
  return name;
}
