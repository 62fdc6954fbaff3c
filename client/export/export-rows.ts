// The selected rows as files of rows: their own bytes, or as other tools read them.
import { createReadStream } from 'node:fs';
import { join, resolve } from 'node:path';
import { localDataset } from '../../activities/shared/local-dataset.ts';
import type { RunResult } from '../../contracts/messages/run.ts';
import type { RowPlace } from '../../contracts/row-place.ts';
import { CLIP_KEYS, clipLists } from '../../dataset/forms/clips.ts';
import { pictureChanger } from '../../dataset/images/change-picture.ts';
import { parseRow } from '../../dataset/rows/parse-row.ts';
import type { ParsedRow } from '../../dataset/rows/parse-row.ts';
import { PICTURE_NAME } from '../../dataset/readers/packed-row.ts';
import { onOneLine, withStrings } from '../../dataset/rows/raw-json.ts';
import type { DescribedForm } from '../../dataset/forms/dataset-info.ts';
import { isRejection } from '../../dataset/rows/row-outcome.ts';
import { RowReader } from '../../dataset/rows/row-reader.ts';
import type { RowSource } from '../../dataset/rows/row-source.ts';
import { openStore } from '../../store/open-store.ts';
import type { Store } from '../../store/store.ts';
import type { ChangesByRow } from '../../tables/copies.ts';
import { contentHashAt } from '../../tables/hash-column.ts';
import { rowsTable } from '../../tables/rows.ts';
import { selectionTable } from '../../tables/selection.ts';
import { instanceValues, valuesTable } from '../../tables/values.ts';
import { withField } from '../data/label-data.ts';
import { rowWithChanges, copiesFolder, IMAGE_KEYS } from './export-copies.ts';
import { requireRecordedSources } from '../runs/source-changes.ts';

/** What of a run is exported. */
export interface ExportedRows {
  store: Store;
  result: RunResult;
  /** Selected rows, and how often each was drawn. */
  copies: ReadonlyMap<number, number>;
  /** What is done to the pictures of further copies. */
  changes: ChangesByRow;
  /** Folder of the rows' file: pictures that were packed with the rows are put below its `images`. */
  files: Store;
  /** Adds a key `tive` with what the run knows of the row before its closing brace. */
  withValues: boolean;
}

/** The selected rows as one array: each row's own bytes, in row order, a row drawn n times n times. */
export async function* llavaBytes(exported: ExportedRows): AsyncGenerator<Uint8Array> {
  yield* asArray(
    (async function* () {
      for await (const { bytes } of selectedRows(exported)) yield bytes;
    })(),
  );
}

/** The selected rows a line each: nothing but white space outside of strings is left out. */
export async function* jsonLines(exported: ExportedRows): AsyncGenerator<Uint8Array> {
  for await (const { bytes } of selectedRows(exported)) {
    yield onOneLine(bytes);
    yield Buffer.from('\n');
  }
}

/** Turns as chat templates and LLaMA-Factory name them. */
export function toMessages({ promptTurns }: ParsedRow): { role: string; content: string; loss?: false }[] {
  return promptTurns.map(({ role, value, masked }) => ({ role: ROLES[role], content: value, ...lossOf(masked) }));
}

/** The key by which an answer that is not learned says so in other forms. */
export function lossOf(masked: true | undefined): { loss?: false } {
  return masked === true ? { loss: false } : {};
}

const ROLES = { system: 'system', human: 'user', gpt: 'assistant' } as const;

/**
 * The selected rows as LLaMA-Factory reads them, `messages` and `images`, with as many `<image>` as images; rows with
 * clips have `videos` and `audios` too. Texts are
 * as the model is asked. Pictures are named by their full paths, since that loader looks for others beside the file;
 * those that were copied below the file's folder, relative to it.
 */
export async function* sharegptBytes(exported: ExportedRows): AsyncGenerator<Uint8Array> {
  const { dataset } = exported.result.config;
  yield* asArray(
    (async function* () {
      for await (const { bytes, form, imageFolder, copiedBelow } of selectedRows(exported)) {
        const parsed = parseRow(bytes, { ...dataset, form }) as ParsedRow;
        const images = parsed.images.map((name) => placeOf(name, imageFolder, copiedBelow));
        const clips = clipLists(parsed.clips, (name) => placeOf(name, imageFolder, copiedBelow));
        yield Buffer.from(JSON.stringify({ messages: toMessages(parsed), images, ...clips }));
      }
    })(),
  );
}

/** Where a picture is found from anywhere on this machine, or from the file's folder where it was copied there. */
export function placeOf(name: string, imageFolder: string, copiedBelow: string | null): string {
  return copiedBelow !== null && name.startsWith(`${copiedBelow}/`) ? name : resolve(imageFolder, name);
}

/** What LLaMA-Factory's `dataset_info.json` must say of the file. */
export function datasetInfo(name: string, fileName: string): Record<string, object> {
  const tags = {
    role_tag: 'role',
    content_tag: 'content',
    user_tag: 'user',
    assistant_tag: 'assistant',
    system_tag: 'system',
  };
  const columns = { messages: 'messages', images: 'images' };
  return { [name]: { file_name: fileName, formatting: 'sharegpt', columns, tags } };
}

/** Rows as one JSON array, each with its own bytes. */
export async function* asArray(rows: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let separator = '[\n';
  for await (const row of rows) {
    yield Buffer.from(separator);
    yield row;
    separator = ',\n';
  }
  yield Buffer.from(separator === '[\n' ? '[]\n' : '\n]\n');
}

interface SelectedRow {
  bytes: Uint8Array;
  form: DescribedForm | null;
  /** Folder of the pictures that were not copied. */
  imageFolder: string;
  /** Folder, below that of the export, of the pictures that were; null: none was. */
  copiedBelow: string | null;
}

/** Selected rows in row order, each as often as it was drawn. */
async function* selectedRows(exported: ExportedRows): AsyncGenerator<SelectedRow> {
  const { store, result, copies, changes, files, withValues } = exported;
  const known = withValues ? await readRowValues(store, result) : null;
  const { dataset, config } = result;
  const { rows } = dataset!;
  const local = await localDataset(openStore, config.dataset, null);
  await requireRecordedSources(store, rows, local.sources);
  const reader = RowReader.over(local);
  const change = pictureChanger(config.model.path);
  const target = { reader, dataset: config.dataset, change, files, folder: copiesFolder(result.runName) };
  try {
    for await (const batch of rowsTable.read(store, rows)) {
      const { rowIndex, sourceIndex: source, byteStart, byteEnd } = batch;
      for (const [row, index] of rowIndex.entries()) {
        const count = copies.get(index) ?? 0;
        if (count === 0) continue;
        const sourceIndex = source[row]!;
        const place: RowPlace = {
          rowIndex: index,
          sourceIndex,
          byteStart: Number(byteStart[row]),
          byteEnd: Number(byteEnd[row]),
          contentHash: contentHashAt(batch.contentHash, row),
        };
        const { bytes: own, row: parsed, source: from } = await reader.at(place);
        if (isRejection(parsed)) {
          const name = index.toLocaleString('en');
          throw new RangeError(`export: row ${name} must be as the run saw it, got: ${parsed.detail}; run again`);
        }
        const folder = `images/${result.runName}/${sourceIndex}`;
        const named = await withPictures(own, parsed, from, folder, files);
        const values = known?.get(index);
        const bytes = values === undefined ? named : withField(named, 'tive', values);
        const { form, imageFolder, packed } = from;
        const copiedBelow = packed === null ? null : folder;
        const parent = { place, bytes: own, parsed, source: from };
        for (let copy = 1; copy <= count; copy += 1) {
          const change = changes.get(index)?.[copy - 2] ?? null;
          if (change === null) yield { bytes, form, imageFolder, copiedBelow };
          else {
            const changed = await rowWithChanges(parent, copy, change, target);
            const said = values === undefined ? changed : withField(changed, 'tive', { ...values, copy, ...change });
            yield { bytes: said, form, imageFolder, copiedBelow: packed === null ? null : target.folder };
          }
        }
      }
    }
  } finally {
    await reader.close();
  }
}

/** What the run knows of its selected rows, by row index, with names as on disk. */
async function readRowValues(store: Store, { values, methods, config }: RunResult): Promise<Map<number, object>> {
  const { selection } = methods[0]!.selection!;
  const known = new Map<number, object>();
  for await (const { rowIndex, task, copies, probability, rank } of selectionTable.read(store, selection)) {
    for (const [row, index] of rowIndex.entries())
      known.set(index, {
        row_index: index,
        task: task[row],
        copies: copies[row],
        probability: probability[row],
        rank: rank[row],
      });
  }
  const kind = config.values.instanceValue;
  for await (const batch of valuesTable.read(store, values!.values)) {
    const { rowIndex, loss, gradientNorm, el2n } = batch;
    const value = instanceValues(batch, kind);
    for (const [row, index] of rowIndex.entries()) {
      const own = known.get(index);
      if (own === undefined) continue;
      const numbers = { loss: loss[row], gradient_norm: gradientNorm[row], el2n: el2n[row], [kind]: value[row] };
      Object.assign(own, numbers);
    }
  }
  return known;
}

/** Keys under which a row names pictures and clips, in whatever form. */
const MEDIA_KEYS = new Set<string>([...IMAGE_KEYS, ...CLIP_KEYS]);

/**
 * The row with its own pictures, which were unpacked with it, copied below `folder` and named there; what else it says
 * stays as it is.
 */
export async function withPictures(
  row: Uint8Array,
  { images, clips }: Pick<ParsedRow, 'images' | 'clips'>,
  { packed }: Pick<RowSource, 'packed'>,
  folder: string,
  files: Store,
): Promise<Uint8Array> {
  const names = [...images, ...clips.flatMap((clip) => clip.files)];
  const pictures = new Set(names.filter((image) => packed !== null && PICTURE_NAME.test(image)));
  if (packed === null || pictures.size === 0) return row;
  for (const name of pictures) await files.write(`${folder}/${name}`, chunksOf(join(packed, name)));
  const renamed = withStrings(new TextDecoder().decode(row), (value, key) =>
    pictures.has(value) && key !== null && MEDIA_KEYS.has(key) ? `${folder}/${value}` : value,
  );
  return Buffer.from(renamed);
}

/** A stream that is opened when it is read, so that whoever reads meets its errors. */
async function* chunksOf(path: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(path) as AsyncIterable<Uint8Array>;
}
