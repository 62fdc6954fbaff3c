import { dirname } from 'node:path';
import type { DatasetConfig } from '../contracts/config.ts';
import { InvalidDatasetError } from '../contracts/failures.ts';
import type { ArtifactReference } from '../contracts/references.ts';
import { DESCRIPTION_FILE } from '../dataset/dataset-info.ts';
import { isS3, parseS3Uri } from '../store/s3-client.ts';
import type { Store } from '../store/store.ts';

type OpenStore = (uri: string) => Store;

/** Whether a part of the dataset lies in a bucket. */
export function isRemote({ path, imageFolder }: Pick<DatasetConfig, 'path' | 'imageFolder'>): boolean {
  return [...path, imageFolder ?? ''].some(isS3);
}

/** What was brought for a rows table stays as it is while the table is in use: buckets are not listed for every shard. */
const broughtFor = new Map<string, Promise<DatasetConfig>>();
const REMEMBERED_TABLES = 8;

/**
 * The dataset as files of this machine: what lies in a bucket is brought here, but for what is here and unchanged.
 *
 * @param rows the table that the dataset stage has made of it; null to look again
 * @throws InvalidDatasetError where a file is not in its bucket
 */
export function localDataset(
  openStore: OpenStore,
  dataset: DatasetConfig,
  rows: ArtifactReference | null,
): Promise<DatasetConfig> {
  if (!isRemote(dataset)) return Promise.resolve(dataset);
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

async function bring(openStore: OpenStore, dataset: DatasetConfig): Promise<DatasetConfig> {
  const path: string[] = [];
  for (const file of dataset.path) {
    path.push(await localFile(openStore, file));
    if (isS3(file)) await bringDescription(openStore, dirname(file));
  }
  const folder = dataset.imageFolder ?? dirname(dataset.path[0]!);
  return { ...dataset, path, imageFolder: isS3(folder) ? await localFolder(openStore, folder) : folder };
}

/** What may stand beside a file about its rows. */
async function bringDescription(openStore: OpenStore, folder: string): Promise<void> {
  const { store, key } = placeOf(openStore, folder);
  await store.localFile(`${key}/${DESCRIPTION_FILE}`).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}

/** What lies at the dataset's addresses in buckets, from listings alone: key, size and time of each value. */
export async function listRemote(openStore: OpenStore, dataset: DatasetConfig): Promise<string[]> {
  const folder = dataset.imageFolder ?? dirname(dataset.path[0]!);
  const lines: string[] = [];
  for (const address of [...new Set([...dataset.path.map((path) => dirname(path)), folder])].filter(isS3)) {
    const { store, key } = placeOf(openStore, address);
    for (const entry of await store.entries(key)) lines.push(`${entry.key} ${entry.byteCount} ${entry.modifiedMs}`);
  }
  return lines;
}

/** A file of this machine with what lies at the address; a path is itself. */
export async function localFile(openStore: OpenStore, address: string): Promise<string> {
  if (!isS3(address)) return address;
  const { store, key } = placeOf(openStore, address);
  return store.localFile(key).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    throw new InvalidDatasetError(`dataset.path: file must exist, got ${JSON.stringify(address)}`, { cause: error });
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
