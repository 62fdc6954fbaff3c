// A dataset's files on this machine: brought from buckets, unpacked where pictures are packed with rows.
import { createHash } from 'node:crypto';
import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { DatasetConfig } from '../../contracts/config.ts';
import { InvalidDatasetError } from '../../contracts/failures.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import { DESCRIPTION_FILE } from '../../dataset/forms/dataset-info.ts';
import { asSource, imageFolderOf } from '../../dataset/rows/row-source.ts';
import type { LocalDataset, RowSource } from '../../dataset/rows/row-source.ts';
import { requireRegularFile } from '../../dataset/readers/regular-file.ts';
import { readerOf } from '../../dataset/readers/reader-of.ts';
import { READERS } from '../../dataset/readers/readers.ts';
import { fillOnce, machineFolder } from '../../store/machine-folder.ts';
import { isS3, parseS3Uri } from '../../store/s3-client.ts';
import type { Store } from '../../store/store.ts';

type OpenStore = (uri: string) => Store;

/** Whether a part of the dataset lies in a bucket. */
export function isRemote(dataset: Pick<DatasetConfig, 'path' | 'imageFolder'>): boolean {
  return [...dataset.path, ...dataset.path.map((_, index) => imageFolderOf(dataset, index))].some(isS3);
}

/**
 * What was brought for a rows table stays as it is while the table is in use: buckets are not listed for every shard.
 */
const broughtFor = new Map<string, Promise<LocalDataset>>();
const REMEMBERED_TABLES = 8;

/** Names the layout of what is unpacked: raised where the same file would be unpacked to something else. */
const UNPACK_VERSION = 4;
const ROWS_FILE = 'rows.jsonl';

/**
 * The dataset as files of JSON on this machine: what lies in a bucket is brought here, but for what is here and
 * unchanged; rows that are packed together with their pictures are unpacked, once a machine.
 *
 * @param rows the table that the dataset stage has made of it; null to look again
 * @throws InvalidDatasetError where a file is not there or cannot be unpacked
 */
export function localDataset(
  openStore: OpenStore,
  dataset: DatasetConfig,
  rows: ArtifactReference | null,
): Promise<LocalDataset> {
  if (rows === null) return bring(openStore, dataset);
  const key = JSON.stringify([dataset.path, dataset.imageFolder, rows.sha256]);
  let brought = broughtFor.get(key);
  if (brought === undefined) {
    if (broughtFor.size >= REMEMBERED_TABLES) broughtFor.clear();
    brought = bring(openStore, dataset);
    broughtFor.set(key, brought);
    brought.catch(() => broughtFor.delete(key));
  }
  return brought;
}

async function bring(openStore: OpenStore, dataset: DatasetConfig): Promise<LocalDataset> {
  const sources: RowSource[] = [];
  for (const index of dataset.path.keys()) {
    const source = await localSource(openStore, dataset, index);
    const { imageFolder } = source;
    sources.push(isS3(imageFolder) ? { ...source, imageFolder: await localFolder(openStore, imageFolder) } : source);
  }
  return { ...dataset, sources };
}

/** One file of the dataset as JSON on this machine; its pictures stay where they are, a bucket maybe. */
export async function localSource(openStore: OpenStore, dataset: DatasetConfig, index: number): Promise<RowSource> {
  const address = dataset.path[index]!;
  const origin = await localFile(openStore, address);
  if (isS3(address)) await bringDescription(openStore, dirname(address));
  await requireRegularFile(origin);
  const source = await asSource(origin, imageFolderOf(dataset, index));
  const folder = await unpackedFolder(origin, dataset.format);
  if (folder === null) return source;
  // Rows of a packed file may also name pictures that lie elsewhere: in a folder that is set, or without pictures of
  // its own.
  const isOwn = dataset.imageFolder === null && (await readdir(folder)).length > 1;
  return { ...source, path: join(folder, ROWS_FILE), imageFolder: isOwn ? folder : source.imageFolder, packed: folder };
}

/**
 * Where rows and pictures of a packed file lie on this machine, by its place, size and time; null for a file of JSON.
 */
async function unpackedFolder(path: string, format: DatasetConfig['format']): Promise<string | null> {
  const { size, mtimeMs } = await stat(path);
  if (size === 0) return null;
  const { kind, open } = await readerOf(path);
  const wanted = READERS.find((reader) => reader.format === format)?.kind;
  if (wanted !== undefined && kind !== wanted)
    throw new InvalidDatasetError(
      `${basename(path)}: must be ${wanted} as dataset.format says, got ${kind} by its bytes`,
    );
  if (open === null) return null;
  const name = createHash('sha256').update(JSON.stringify([UNPACK_VERSION, await realpath(path), size, mtimeMs]));
  const folder = join(machineFolder('unpacked'), name.digest('hex').slice(0, 16));
  await fillOnce(folder, async (write) => {
    await write(ROWS_FILE, asLines(await open(path, write)));
  });
  return folder;
}

async function* asLines(rows: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const row of rows) yield Buffer.concat([row, NEWLINE]);
}

const NEWLINE = Buffer.from('\n');

/** What may stand beside a file about its rows. */
async function bringDescription(openStore: OpenStore, folder: string): Promise<void> {
  const { store, key } = placeOf(openStore, folder);
  await store.localFile(`${key}/${DESCRIPTION_FILE}`).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}

/** What lies at the dataset's addresses in buckets, from listings alone: key, size and time of each value. */
export async function listRemote(openStore: OpenStore, dataset: DatasetConfig): Promise<string[]> {
  const folders = dataset.path.flatMap((path, index) => [dirname(path), imageFolderOf(dataset, index)]);
  const lines: string[] = [];
  for (const address of [...new Set(folders)].filter(isS3)) {
    const { store, key } = placeOf(openStore, address);
    for (const entry of await store.entries(key)) lines.push(`${entry.key} ${entry.byteCount} ${entry.modifiedMs}`);
  }
  return lines;
}

/** A file of this machine with what lies at the address; a path is itself. */
export async function localFile(openStore: OpenStore, address: string, recipeKey = 'dataset.path'): Promise<string> {
  if (!isS3(address)) return address;
  const { store, key } = placeOf(openStore, address);
  return store.localFile(key).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    throw new InvalidDatasetError(`${recipeKey}: file must exist, got ${JSON.stringify(address)}`, { cause: error });
  });
}

async function localFolder(openStore: OpenStore, address: string): Promise<string> {
  const { store, key } = placeOf(openStore, address);
  return store.localFolder(key);
}

/** A bucket as a store, so that every address in it has a key. */
function placeOf(openStore: OpenStore, address: string): { store: Store; key: string } {
  const { bucket, prefix } = parseS3Uri(address);
  if (prefix === '') {
    throw new InvalidDatasetError(`dataset: address must be below a prefix of its bucket, got "${address}"`);
  }
  return { store: openStore(`s3://${bucket}`), key: prefix.slice(0, -1) };
}
