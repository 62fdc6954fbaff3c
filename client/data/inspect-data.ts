// A look at files of rows before any recipe.
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { InvalidDatasetError } from '../../contracts/failures.ts';
import { imageExists } from '../../dataset/images/image-file.ts';
import { isInline } from '../../dataset/images/inline-image.ts';
import { DatasetInspector } from '../../dataset/rows/dataset-inspector.ts';
import type { DatasetContents } from '../../dataset/rows/dataset-inspector.ts';
import { isRejection } from '../../dataset/rows/row-outcome.ts';
import { packedRows } from '../../dataset/readers/reader-of.ts';
import { asSource, jsonRows } from '../../dataset/rows/row-source.ts';

/** Pictures of a row that are looked at. */
const MAX_IMAGES = 64;

/** Missing pictures that are named where nobody says how many. */
const NAMED_IMAGES = 5;

export interface InspectedData extends DatasetContents {
  byteCount: number;
  /** Different pictures that rows name, and those that are not there. */
  imageCount: number;
  missingImageCount: number;
  missingImages: string[];
}

/**
 * Reads files of rows once and says what they hold.
 *
 * @param folder folder of the pictures; null: each file's own. Pictures that are packed with their rows are there
 * @throws InvalidDatasetError where a file is not there or is no dataset
 */
export async function inspectData(
  files: readonly string[],
  folder: string | null,
  taskField: string,
  namedImages = NAMED_IMAGES,
): Promise<InspectedData> {
  const inspector = new DatasetInspector();
  const images = new Map<string, { folder: string; name: string; isPacked: boolean }>();
  let byteCount = 0;
  let inlineCount = 0;
  for (const file of files) {
    const found = await stat(file).catch(() => null);
    if (found?.isFile() !== true) throw new InvalidDatasetError(`data inspect: file must exist, got "${file}"`);
    byteCount += found.size;
    const { form, imageFolder } = await asSource(file, folder ?? dirname(file));
    const options = { format: 'auto' as const, form, taskField, maxImages: MAX_IMAGES };
    const packed = new Set<string>();
    for await (const bytes of rowsOf(file, packed)) {
      const row = inspector.add(bytes, options);
      if (isRejection(row)) continue;
      for (const name of row.images) {
        const isPacked = packed.has(name);
        if (isInline(name)) inlineCount += 1;
        else images.set(join(isPacked ? file : imageFolder, name), { folder: imageFolder, name, isPacked });
      }
    }
  }
  const missing: string[] = [];
  for (const { folder: below, name, isPacked } of images.values())
    if (!isPacked && !(await imageExists(below, name))) missing.push(name);
  return {
    byteCount,
    ...inspector.contents(),
    imageCount: images.size + inlineCount,
    missingImageCount: missing.length,
    missingImages: missing.slice(0, namedImages),
  };
}

/** A file's rows as JSON; names of pictures that are packed with them are added to `packed`. */
async function* rowsOf(file: string, packed: Set<string>): AsyncGenerator<Uint8Array | null> {
  const unpacked = await packedRows(file, async (name, bytes) => {
    packed.add(name);
    if (bytes instanceof Uint8Array) return;
    // Members of an archive are read to their ends before the next.
    // eslint-disable-next-line @typescript-eslint/no-unused-vars
    for await (const _ of bytes);
  });
  if (unpacked === null) for await (const { bytes } of jsonRows(file)) yield bytes;
  else yield* unpacked;
}
