// A folder of data as its files of rows, and what of it is not read.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import type { Dirent } from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';
import { isJsonObject } from '../../contracts/json-object.ts';
import type { JsonObject } from '../../contracts/json-object.ts';
import { DESCRIPTION_FILE } from '../forms/dataset-info.ts';
import { isSourceName } from './reader-of.ts';

/** What a folder of data holds. */
export interface DataFolder {
  /** Paths of its files of rows, in the order in which they are read. */
  files: string[];
  /** Its other entries, in words: files by name, folders and pictures by number. */
  skipped: string[];
}

/** Entries that say something about rows that are read, or nothing at all. */
const SILENT =
  /^\.|^dataset_infos?\.json$|^state\.json$|^dataset_dict\.json$|^tive\.schema\.json$|(^|\.)quarantine\.jsonl$/;
const PICTURE = /\.(jpe?g|png|gif|webp|tiff?|avif|bmp)$/i;

/**
 * The files of rows in a folder: of a dataset that Hugging Face's `save_to_disk` has written those of its `state.json`;
 * else those that LLaMA-Factory's `dataset_info.json` lists, in the folder or the one above; else all by their names.
 * Folders below are named, not read: they may hold pictures and what belongs to them.
 */
export function readDataFolder(path: string): DataFolder {
  const entries = readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  const names = entries.filter((entry) => isFile(path, entry)).map(({ name }) => name);
  const files = rowFiles(path, names);
  const pictures = names.filter((name) => PICTURE.test(name));
  const others = entries.filter(({ name }) => !files.includes(name) && !SILENT.test(name) && !PICTURE.test(name));
  return {
    files: files.map((name) => join(path, name)),
    skipped: [
      ...others.map((entry) => describeEntry(path, entry)),
      ...(pictures.length > 0 ? [`${pictures.length.toLocaleString('en')} pictures`] : []),
    ],
  };
}

function rowFiles(path: string, names: readonly string[]): string[] {
  return savedFiles(path) ?? listedFiles(path, names) ?? names.filter(isSourceName);
}

/** A link is what it leads to. */
function isFile(folder: string, entry: Dirent): boolean {
  if (!entry.isSymbolicLink()) return entry.isFile();
  return statSync(join(folder, entry.name), { throwIfNoEntry: false })?.isFile() === true;
}

function describeEntry(folder: string, entry: Dirent): string {
  if (isFile(folder, entry)) return entry.name;
  const path = join(folder, entry.name);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return `${entry.name} (no file)`;
  const rows = countBelow(path);
  const inside = readdirSync(path).length;
  return `${entry.name}/ (${rows > 0 ? counted(rows, 'file of rows', 'files of rows') : counted(inside, 'entry', 'entries')})`;
}

function counted(count: number, one: string, several: string): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : several}`;
}

/** Folders that are looked into for files of rows: of pictures there may be any number. */
const MOST_FOLDERS = 1000;

/** Files of rows in a folder and below it; links to folders are not followed. */
function countBelow(path: string): number {
  let count = 0;
  const open = [path];
  for (let looked = 0; looked < MOST_FOLDERS && open.length > 0; looked += 1) {
    const folder = open.shift()!;
    const entries = readdirSync(folder, { withFileTypes: true });
    const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
    count += rowFiles(folder, names).length;
    open.push(...entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name)));
  }
  return count;
}

/** The Arrow files of a dataset that `save_to_disk` has written; null for another folder. */
function savedFiles(path: string): string[] | null {
  const files = readObject(join(path, 'state.json'))?.['_data_files'];
  if (!Array.isArray(files)) return null;
  const names = (files as unknown[]).map((file) => (isJsonObject(file) ? file['filename'] : null));
  return names.every((name) => typeof name === 'string' && basename(name) === name) ? (names as string[]) : null;
}

/** The folder's files that a description names; null where none names any. */
function listedFiles(path: string, names: readonly string[]): string[] | null {
  for (const folder of [path, dirname(path)]) {
    const entries = Object.values(readObject(join(folder, DESCRIPTION_FILE)) ?? {});
    const listed = new Set(entries.map((entry) => (isJsonObject(entry) ? entry['file_name'] : null)));
    const found = names.filter((name) => listed.has(relative(folder, join(path, name)).split(sep).join('/')));
    if (found.length > 0) return found;
  }
  return null;
}

function readObject(path: string): JsonObject | null {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return null;
  try {
    const found: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return isJsonObject(found) ? found : null;
  } catch {
    return null;
  }
}
