import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { DatasetConfig } from '../../contracts/config.ts';
import { parquetSource } from '../readers/parquet-source.ts';
import { PICTURE_NAME } from '../readers/packed-row.ts';
import type { WritePicture } from '../readers/packed-row.ts';
import { splitRows } from '../readers/row-splitter.ts';
import type { SourceRow } from '../readers/row-splitter.ts';
import { sourceKind } from '../readers/source-kind.ts';
import { tarRows } from '../readers/tar-rows.ts';

/** A file of JSON rows on this machine, and the folder that its pictures lie below. */
export interface RowSource {
  path: string;
  imageFolder: string;
  /** The file as the user gave it: another one where rows and pictures were unpacked from it. */
  origin: string;
  /** Folder that rows and pictures were unpacked to, as lines; null for a file of JSON. */
  packed: string | null;
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

/** The dataset's files as they are: all of JSON, and here. */
export function asSources(dataset: DatasetConfig): LocalDataset {
  const sources = dataset.path.map((path, index) => ({
    path,
    imageFolder: imageFolderOf(dataset, index),
    origin: path,
    packed: null,
  }));
  return { ...dataset, sources };
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

/** Bytes of a row that was found at [start, end) of a file of rows; fewer where the file has become shorter. */
export async function readRange(path: string, start: number, end: number): Promise<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const bytes = Buffer.alloc(end - start);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, start);
    return bytes.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Rows of a file in which they are packed with their pictures, as JSON texts of a line; null where it is JSON already. */
export async function packedRows(path: string, writePicture: WritePicture): Promise<AsyncGenerator<Uint8Array> | null> {
  const kind = await sourceKind(path);
  if (kind === 'json') return null;
  return kind === 'tar' ? tarRows(path, writePicture) : parquetSource(path, writePicture);
}
