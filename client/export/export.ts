// Export of a run's selection to a file or folder.
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { imageFolderOf } from '../../dataset/rows/row-source.ts';
import type { JsonObject } from '../../contracts/json-object.ts';
import { changedCountOf } from '../../contracts/augmentation.ts';
import { readChanges } from '../../tables/copies.ts';
import type { ChangesByRow } from '../../tables/copies.ts';
import { rowsTable } from '../../tables/rows.ts';
import { readCopies } from '../../tables/selection.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import type { RunResult } from '../../contracts/messages/run.ts';
import { LocalStore } from '../../store/local-store.ts';
import { ROW_FORMS } from '../../contracts/export-forms.ts';
import type { ExportForm } from '../../contracts/export-forms.ts';
import { encodeNpy } from './npy.ts';
import type { Store } from '../../store/store.ts';
import { copiesFolder } from './export-copies.ts';
import { datasetInfo, jsonLines, llavaBytes, sharegptBytes } from './export-rows.ts';
import type { ExportedRows } from './export-rows.ts';
import { csvBytes, writeParquet } from './export-table.ts';
import { copyFiles } from '../runs/run-folder.ts';

/** PEFT's name of an adapter's settings. */
const ADAPTER_CONFIG_FILE = 'adapter_config.json';

/** What was written. */
export interface Exported {
  /** The file or folder. */
  path: string;
  rowCount: number;
  /** What is in it: `90 rows`, `tuned on 90 rows in 92 steps`. */
  content: string;
  /** Where pictures are that the file names and that were not copied; null where it names none by a relative path. */
  imageFolders: string[] | null;
}

/**
 * Writes a run's selection in another tool's form into a folder. Copies with changed pictures name files of these,
 * which are written beside the rows; csv and parquet say what is done to them, indices cannot.
 * @param withValues rows of llava and jsonl get a key `tive` with values, probability, rank and copies, those with
 * changed pictures also which copy they are and what is done
 * @param own row indexes in place of the selection, each of a usable row; of llava, jsonl, sharegpt, indices
 */
export async function exportRun(
  store: Store,
  result: RunResult,
  form: ExportForm,
  folder: string,
  withValues = false,
  own: readonly number[] | null = null,
): Promise<Exported> {
  if (own !== null && (withValues || !(ROW_FORMS as readonly string[]).includes(form)))
    throw new RangeError(`export: own rows must go with ${ROW_FORMS.join(', ')} and no values, got ${form}`);
  if (withValues && form !== 'llava' && form !== 'jsonl')
    throw new RangeError(`export: --with-values must go with llava or jsonl, got ${form}`);
  const files = new LocalStore(folder);
  if (form === 'adapter') return exportAdapter(store, result, files);
  const { values, dataset } = result;
  const selection = result.methods[0]?.selection ?? null;
  if (selection === null || values === null || dataset === null)
    throw new RangeError('export: run must have a selection, got none; tive run RECIPE --until selection');
  const { rows } = dataset;
  const usableCount = values.tasks.reduce((sum, { rowCount }) => sum + rowCount, 0);
  if (form === 'csv') {
    await files.write('values.csv', csvBytes(store, { rows, values, selection }));
    return {
      path: join(folder, 'values.csv'),
      rowCount: usableCount,
      content: rowsText(usableCount),
      imageFolders: null,
    };
  }
  if (form === 'parquet') {
    const path = await writeParquet(store, { rows, values, selection }, folder, 'values.parquet');
    return { path, rowCount: usableCount, content: rowsText(usableCount), imageFolders: null };
  }
  const copies = own === null ? await readCopies(store, selection.selection) : await ownRows(store, rows, own);
  const changes: ChangesByRow = own === null ? await readChanges(store, selection.selection) : new Map();
  const changedCount = own === null ? changedCountOf(selection.copies ?? []) : 0;
  if (form === 'indices' && changedCount > 0)
    throw new RangeError(
      `export: indices cannot name changed pictures, got ${copiesText(changedCount)}; --to jsonl, or csv to see which`,
    );
  const rowCount = [...copies.values()].reduce((sum, count) => sum + count, 0);
  const name = await writeRows({ store, result, copies, changes, files, withValues }, form);
  const place = join(dirname(name), copiesFolder(result.runName));
  const keepsNames = form === 'llava' || form === 'jsonl';
  const { dataset: given } = result.config;
  const imageFolders = given.path.map((_, index) => imageFolderOf(given, index));
  return {
    path: join(folder, name),
    rowCount,
    content: rowsText(rowCount) + (changedCount === 0 ? '' : `, ${copiesText(changedCount)} in ${place}`),
    imageFolders: keepsNames ? [...new Set(imageFolders)] : null,
  };
}

/** Each row once. @throws RangeError for an index that is no usable row's, or none at all */
async function ownRows(
  store: Store,
  rows: ArtifactReference,
  own: readonly number[],
): Promise<ReadonlyMap<number, number>> {
  const wanted = new Set(own);
  const usable = new Map<number, number>();
  for await (const { rowIndex, reason } of rowsTable.read(store, rows)) {
    for (const [place, index] of rowIndex.entries())
      if (wanted.has(index) && reason[place] === null) usable.set(index, 1);
  }
  const other = own.find((index) => !usable.has(index));
  if (other !== undefined || usable.size === 0)
    throw new RangeError(`export: own rows must be usable rows of the run, got ${other ?? 'none'}`);
  return usable;
}

function copiesText(count: number): string {
  return `${count.toLocaleString('en')} with changed pictures`;
}

function rowsText(count: number): string {
  return `${count.toLocaleString('en')} ${count === 1 ? 'row' : 'rows'}`;
}

/** The adapter as PEFT loads it: its config names the model that it belongs to, which the store's bytes do not. */
async function exportAdapter(store: Store, { methods, config }: RunResult, files: LocalStore): Promise<Exported> {
  const finetune = methods[0]?.finetune ?? null;
  if (finetune === null)
    throw new RangeError('export: run must be fine-tuned, got no adapter; tive run RECIPE --until finetune');
  await copyFiles(store, finetune.adapter, files, 'adapter');
  const path = join(files.uri, 'adapter');
  const settings = JSON.parse(await readFile(join(path, ADAPTER_CONFIG_FILE), 'utf8')) as JsonObject;
  const named = { ...settings, base_model_name_or_path: modelName(config.model.path) };
  await files.write(`adapter/${ADAPTER_CONFIG_FILE}`, [Buffer.from(`${JSON.stringify(named, null, 2)}\n`)]);
  const content = `tuned on ${rowsText(finetune.rowCount)} in ${finetune.stepCount.toLocaleString('en')} steps`;
  return { path, rowCount: finetune.rowCount, content, imageFolders: null };
}

/** A model's id on the Hub where its folder is of the Hub's local cache, else the folder. */
export function modelName(path: string): string {
  const cached = /[/\\]models--([^/\\]+?)--([^/\\]+)[/\\]snapshots[/\\]/.exec(path);
  return cached === null ? path : `${cached[1]}/${cached[2]}`;
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
