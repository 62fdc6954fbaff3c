// What a new recipe must know of the rows: their files, their pictures' folder, the key that holds their task.
import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { InvalidConfigError } from '../../contracts/failures.ts';
import { imageExists } from '../../dataset/images/image-file.ts';
import { hasSourceExtension } from '../../dataset/readers/readers.ts';
import { findDataFiles } from '../recipe/data-files.ts';
import { inspectData } from './inspect-data.ts';
import type { InspectedData } from './inspect-data.ts';
import { sum } from './sum.ts';

/** Keys under which published datasets hold the task or the source of a row, the likeliest first. */
const LABEL_KEYS = [
  'dataset',
  'task',
  'task_name',
  'data_source',
  'dataset_name',
  'source',
  'category',
  'subset',
  'task_type',
  'type',
] as const;

/** More labels than these are names of rows, not of tasks. */
const MOST_LABELS = 500;
/** Rows that a task must have on average to be one. */
const LEAST_ROWS_OF_LABEL = 2;

/** Folders beside the rows in which pictures mostly lie; the first is the rows' own folder. */
const IMAGE_FOLDERS = ['', 'images', 'image', 'imgs', 'img', 'pictures', 'photos', 'data', 'media'];

/** Missing pictures that are looked for elsewhere. */
const SOUGHT_IMAGES = 50;

/** What was found of the rows. */
export interface FoundData {
  contents: InspectedData;
  /** Folder in which most pictures are, null: the rows' own, or none was found. */
  images: string | null;
  /** The key that holds the task, null: none was found. */
  taskField: string | null;
  fileCount: number;
  /** Files beside the rows that look like test rows. */
  testFiles: string[];
}

/**
 * Reads the rows of a file or folder. Pictures and clips that are not in the given folder are sought beside the rows.
 * @param taskField as given; null: keys that published datasets use are tried
 */
export async function lookAtData(data: string, images: string | null, taskField: string | null): Promise<FoundData> {
  if (!existsSync(data)) throw new InvalidConfigError(`dataset.path: file must exist, got "${data}"`);
  if (images !== null && !existsSync(images))
    throw new InvalidConfigError(`dataset.image_folder: folder must exist, got "${images}"`);
  const { files } = findDataFiles(data, 'dataset.path');
  const inspect = (folder: string | null, key: string): Promise<InspectedData> =>
    inspectData(files, folder, key, SOUGHT_IMAGES);
  let contents = await inspect(images, taskField ?? LABEL_KEYS[0]);
  const place = (await stat(data)).isDirectory() ? data : dirname(data);
  const missing = [...contents.missingImages, ...contents.missingClipFiles];
  const found = images ?? (missing.length > 0 ? await findImages(place, missing) : null);
  if (found !== images) contents = await inspect(found, taskField ?? LABEL_KEYS[0]);
  const field = taskField ?? (await findTaskField(contents, (key) => inspect(found, key)));
  return {
    contents: field === null || field === LABEL_KEYS[0] ? contents : await inspect(found, field),
    images: found,
    taskField: field,
    fileCount: files.length,
    testFiles: await findTestFiles(place, files),
  };
}

/** The folder beside the rows that has most of these pictures; null where none has any. */
async function findImages(place: string, names: readonly string[]): Promise<string | null> {
  let best: { folder: string; count: number } | null = null;
  for (const folder of [place, dirname(place)].flatMap((above) => IMAGE_FOLDERS.map((name) => join(above, name)))) {
    if (!existsSync(folder)) continue;
    const there = await Promise.all(names.map((name) => imageExists(folder, name)));
    const count = there.filter(Boolean).length;
    if (count > (best?.count ?? 0)) best = { folder, count };
  }
  return best?.folder ?? null;
}

/** The first known key that labels all rows that can be used, with labels that come again. */
async function findTaskField(
  contents: InspectedData,
  inspect: (key: string) => Promise<InspectedData>,
): Promise<string | null> {
  for (const key of LABEL_KEYS) {
    if (contents.keys[key] === undefined) continue;
    const { labels, rowCount, reasons } = await inspect(key);
    const names = Object.keys(labels).length;
    const labelled = sum(labels);
    if (labelled < rowCount - sum(reasons) || names < 1 || names > MOST_LABELS) continue;
    if (labelled >= LEAST_ROWS_OF_LABEL * names) return key;
  }
  return null;
}

/** Files of rows beside these whose names say that they are for testing. */
async function findTestFiles(place: string, files: readonly string[]): Promise<string[]> {
  const names = await readdir(place);
  return names
    .filter((name) => hasSourceExtension(name) && /(^|[^a-z])(test|val|valid|validation|eval)([^a-z]|$)/i.test(name))
    .map((name) => join(place, name))
    .filter((path) => !files.some((file) => basename(file) === basename(path)))
    .sort();
}
