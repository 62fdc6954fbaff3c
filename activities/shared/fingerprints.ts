// Hashes of what a run reads: model folders, datasets, folders of pictures.
import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { DatasetConfig } from '../../contracts/config.ts';
import { requireRegularFile } from '../../dataset/readers/regular-file.ts';
import { imageFolderOf } from '../../dataset/rows/row-source.ts';
import type { LocalDataset } from '../../dataset/rows/row-source.ts';
import { sha256 } from '../../store/addresses.ts';
import { hashFile } from '../../store/file-hash.ts';
import { isS3 } from '../../store/s3-client.ts';
import type { Store } from '../../store/store.ts';
import { isRemote, listRemote } from './local-dataset.ts';

/** Files of a model folder that change what is computed. */
const MODEL_FILE = /\.(safetensors|json|jinja)$/;

/** Name and hash of every file of a model or adapter folder that matters. */
export async function modelFingerprint(folder: string): Promise<object> {
  const names = (await readdir(folder)).filter((name) => MODEL_FILE.test(name)).sort();
  const entries: [string, string][] = [];
  for (const name of names) entries.push([name, await hashFile(join(folder, name))]);
  return Object.fromEntries(entries);
}

/** Like {@link modelFingerprint}, of the files alone that decide how a row becomes tokens and pixels. */
export async function promptFingerprint(folder: string): Promise<object> {
  const names = (await readdir(folder))
    .filter((name) => /\.(json|jinja)$/.test(name) && !name.endsWith('.index.json'))
    .sort();
  const entries: [string, string][] = [];
  for (const name of names) entries.push([name, await hashFile(join(folder, name))]);
  return Object.fromEntries(entries);
}

/**
 * What a dataset on this machine is, without reading its pictures: hashes of its files as they were given, and names,
 * sizes and times of everything in their image folders. Pictures that a file holds itself are in its hash.
 */
export async function datasetFingerprint({ sources }: LocalDataset): Promise<object> {
  const files: [string, string][] = [];
  for (const { origin } of sources) files.push([basename(origin), await hashFile(origin)]);
  const folders = sources
    .filter(({ packed, imageFolder }) => imageFolder !== packed)
    .map(({ imageFolder }) => imageFolder);
  return { files, images: await foldersFingerprint(folders) };
}

/** The same of a dataset that may lie in buckets: there it is the listing alone, and nothing is brought or unpacked. */
export async function changeFingerprint(openStore: (uri: string) => Store, dataset: DatasetConfig): Promise<object> {
  const folders = dataset.path.map((_, index) => imageFolderOf(dataset, index));
  const files: [string, string][] = [];
  for (const path of dataset.path.filter((file) => !isS3(file))) {
    await requireRegularFile(path);
    files.push([basename(path), await hashFile(path)]);
  }
  const { excludeRows = null } = dataset;
  if (excludeRows !== null && !isS3(excludeRows)) {
    await requireRegularFile(excludeRows);
    files.push([basename(excludeRows), await hashFile(excludeRows)]);
  }
  const images = await foldersFingerprint(folders.filter((folder) => !isS3(folder)));
  if (!isRemote(dataset)) return { files, images };
  return { files, images, remote: sha256((await listRemote(openStore, dataset)).join('\n')) };
}

async function foldersFingerprint(folders: readonly string[]): Promise<string[]> {
  const hashes: string[] = [];
  for (const folder of new Set(folders)) hashes.push(await folderFingerprint(folder));
  return hashes;
}

/** Hash of names, sizes and times of everything below a folder. */
export async function folderFingerprint(folder: string): Promise<string> {
  const hash = createHash('sha256');
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const names = entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
  for (const name of names.sort()) {
    const found = await stat(name).catch(() => null);
    hash.update(`${name.slice(folder.length)} ${found?.size} ${found?.mtimeMs}\n`);
  }
  return hash.digest('hex');
}
