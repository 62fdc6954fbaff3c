import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunResult } from '../contracts/messages.ts';
import type { ArtifactReference } from '../contracts/references.ts';
import { fileOf, readManifest } from '../store/artifacts.ts';
import { LocalStore } from '../store/local-store.ts';
import { tableSchema } from '../store/schemas.ts';
import type { Store } from '../store/store.ts';
import { readTable } from '../store/tables.ts';
import { encodeNpy } from '../store/npy.ts';
import { openRunFolder } from './run-folder.ts';

/** What a selection can be written as. */
export const EXPORT_FORMS = ['llava', 'indices', 'adapter'] as const;
export type ExportForm = (typeof EXPORT_FORMS)[number];

/** Writes a run's selection in another tool's form below the run's folder. @returns the file or folder */
export async function exportRun(
  store: Store,
  result: RunResult,
  form: ExportForm,
): Promise<{ path: string; rowCount: number }> {
  const folder = openRunFolder(result.config.run.outputDir, result.runName).path;
  const [first] = result.methods;
  if (form === 'adapter') {
    if (first?.finetune === null || first?.finetune === undefined)
      throw new RangeError('export: the run must be fine-tuned, got no adapter; tive run RECIPE --until finetune');
    await openRunFolder(result.config.run.outputDir, result.runName).copyArtifact(
      store,
      first.finetune.adapter,
      'export/adapter',
    );
    return { path: join(folder, 'export/adapter'), rowCount: first.finetune.rowCount };
  }
  if (first?.selection === null || first?.selection === undefined)
    throw new RangeError('export: the run must have a selection, got none; tive run RECIPE --until selection');
  const copies = await readCopies(store, first.selection.selection);
  const files = new LocalStore(folder);
  if (form === 'indices') {
    const indices = [...copies]
      .sort(([left], [right]) => left - right)
      .flatMap(([rowIndex, count]) => Array.from({ length: count }, () => rowIndex));
    await files.write('export/selected_indices.npy', [encodeNpy(indices)]);
    await files.write('export/selected_indices.json', [Buffer.from(`${JSON.stringify(indices)}\n`)]);
    return { path: join(folder, 'export/selected_indices.npy'), rowCount: indices.length };
  }
  await files.write('export/llava.json', llavaBytes(store, result, copies));
  return {
    path: join(folder, 'export/llava.json'),
    rowCount: [...copies.values()].reduce((sum, count) => sum + count, 0),
  };
}

async function readCopies(store: Store, selection: ArtifactReference): Promise<Map<number, number>> {
  const manifest = await readManifest(store, selection);
  const copies = new Map<number, number>();
  for await (const batch of readTable(
    store,
    selection.uri,
    fileOf(manifest, 'selection.arrow'),
    tableSchema('selection'),
  )) {
    const counts = batch.uint32('copies');
    batch.uint32('row_index').forEach((rowIndex, row) => copies.set(rowIndex, counts[row]!));
  }
  return copies;
}

/** The selected rows as one array: each row's own bytes, in row order, a row drawn n times n times. */
async function* llavaBytes(
  store: Store,
  { dataset, config }: RunResult,
  copies: ReadonlyMap<number, number>,
): AsyncGenerator<Uint8Array> {
  const manifest = await readManifest(store, dataset!.rows);
  const sources = await Promise.all(config.dataset.path.map((path) => open(path, 'r')));
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
