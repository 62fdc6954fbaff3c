import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { localFile } from '../activities/local-dataset.ts';
import { readCopies } from '../activities/selection-copies.ts';
import type { RunResult } from '../contracts/messages.ts';
import { fileOf, readManifest } from '../store/artifacts.ts';
import { LocalStore } from '../store/local-store.ts';
import { openStore } from '../store/open-store.ts';
import { tableSchema } from '../store/schemas.ts';
import type { Store } from '../store/store.ts';
import { readTable } from '../store/tables.ts';
import { encodeNpy } from '../store/npy.ts';
import { copyFiles } from './run-folder.ts';

/** What a selection can be written as. */
export const EXPORT_FORMS = ['llava', 'indices', 'adapter'] as const;
export type ExportForm = (typeof EXPORT_FORMS)[number];

/** Writes a run's selection in another tool's form into a folder. @returns the file or folder, and its rows */
export async function exportRun(
  store: Store,
  result: RunResult,
  form: ExportForm,
  folder: string,
): Promise<{ path: string; rowCount: number }> {
  const { finetune = null, selection = null } = result.methods[0] ?? {};
  const files = new LocalStore(folder);
  if (form === 'adapter') {
    if (finetune === null)
      throw new RangeError('export: run must be fine-tuned, got no adapter; tive run RECIPE --until finetune');
    await copyFiles(store, finetune.adapter, files, 'adapter');
    return { path: join(folder, 'adapter'), rowCount: finetune.rowCount };
  }
  if (selection === null)
    throw new RangeError('export: run must have a selection, got none; tive run RECIPE --until selection');
  const copies = await readCopies(store, selection.selection);
  if (form === 'indices') {
    const indices = [...copies]
      .sort(([left], [right]) => left - right)
      .flatMap(([rowIndex, count]) => Array.from({ length: count }, () => rowIndex));
    await files.write('selected_indices.npy', [encodeNpy(indices)]);
    await files.write('selected_indices.json', [Buffer.from(`${JSON.stringify(indices)}\n`)]);
    return { path: join(folder, 'selected_indices.npy'), rowCount: indices.length };
  }
  await files.write('llava.json', llavaBytes(store, result, copies));
  return { path: join(folder, 'llava.json'), rowCount: [...copies.values()].reduce((sum, count) => sum + count, 0) };
}

/** The selected rows as one array: each row's own bytes, in row order, a row drawn n times n times. */
async function* llavaBytes(
  store: Store,
  { dataset, config }: RunResult,
  copies: ReadonlyMap<number, number>,
): AsyncGenerator<Uint8Array> {
  const manifest = await readManifest(store, dataset!.rows);
  const sources = await Promise.all(
    config.dataset.path.map(async (path) => open(await localFile(openStore, path), 'r')),
  );
  try {
    let separator = '[\n';
    for await (const batch of readTable(
      store,
      dataset!.rows.uri,
      fileOf(manifest, 'rows.arrow'),
      tableSchema('rows'),
    )) {
      const [rowIndex, source] = [batch.uint32('row_index'), batch.uint32('source_index')];
      const [byteStart, byteEnd] = [batch.int64('byte_start'), batch.int64('byte_end')];
      for (let row = 0; row < batch.rowCount; row += 1) {
        const count = copies.get(rowIndex[row]!) ?? 0;
        if (count === 0) continue;
        const bytes = Buffer.alloc(Number(byteEnd[row]! - byteStart[row]!));
        await sources[source[row]!]!.read(bytes, 0, bytes.length, Number(byteStart[row]));
        for (let copy = 0; copy < count; copy += 1) {
          yield Buffer.from(separator);
          yield bytes;
          separator = ',\n';
        }
      }
    }
    yield Buffer.from(separator === '[\n' ? '[]\n' : '\n]\n');
  } finally {
    await Promise.all(sources.map((file) => file.close()));
  }
}
