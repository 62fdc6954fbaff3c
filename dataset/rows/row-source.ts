// A dataset's files on this machine, and their rows as a stream.
import { createReadStream } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { DatasetConfig } from '../../contracts/config.ts';
import { readRowForm } from '../forms/dataset-info.ts';
import type { DescribedForm } from '../forms/dataset-info.ts';
import { PICTURE_NAME } from '../readers/packed-row.ts';
import { splitRows } from '../readers/row-splitter.ts';
import type { SourceRow } from '../readers/row-splitter.ts';

/** A file of JSON rows on this machine, and the folder that its pictures lie below. */
export interface RowSource {
  path: string;
  imageFolder: string;
  /** The file as the user gave it: another one where rows and pictures were unpacked from it. */
  origin: string;
  /** Folder that rows and pictures were unpacked to, as lines; null for a file of JSON. */
  packed: string | null;
  /** Names that the file's own description gives, or null. */
  form: DescribedForm | null;
}

/** The folder that a picture of a source lies below. */
export function folderOfImage({ imageFolder, packed }: RowSource, image: string): string {
  return packed !== null && PICTURE_NAME.test(image) ? packed : imageFolder;
}

/** A dataset with its files on this machine, as JSON. */
export interface LocalDataset extends DatasetConfig {
  sources: RowSource[];
}

/** Where the pictures of a file lie: the folder that is set, for it or for all, else the file's own. */
export function imageFolderOf(
  { path, imageFolder }: Pick<DatasetConfig, 'path' | 'imageFolder'>,
  source: number,
): string {
  const folder = Array.isArray(imageFolder) ? imageFolder[source] : imageFolder;
  return folder ?? dirname(path[source] ?? '.');
}

/**
 * A file of this machine as a source: its rows where they are, read as its description says.
 * @throws InvalidDatasetError where the description cannot be read
 */
export async function asSource(path: string, imageFolder: string): Promise<RowSource> {
  return { path, imageFolder, origin: path, packed: null, form: await readRowForm(path) };
}

/** Rows of a JSON file with their places, streaming. */
export function jsonRows(path: string): AsyncGenerator<SourceRow> {
  return splitRows(chunksOf(path), basename(path));
}

/** Rows of a source with their places, streaming. */
export function rowsOf({ path, origin, packed }: RowSource): AsyncGenerator<SourceRow> {
  return splitRows(chunksOf(path), basename(origin), packed === null ? 'auto' : 'lines');
}

function chunksOf(path: string): AsyncIterable<Uint8Array> {
  return createReadStream(path, { highWaterMark: 1024 * 1024 });
}
