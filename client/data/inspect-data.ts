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

/** Missing pictures, and files of clips, that are named where nobody says how many. */
const NAMED_FILES = 5;

export interface InspectedData extends DatasetContents {
  byteCount: number;
  /** Different pictures that rows name, and those that are not there. */
  imageCount: number;
  missingImageCount: number;
  missingImages: string[];
  /** Rows with videos or sounds. */
  clipRowCount: number;
  /** Different files of videos and sounds, frames one by one, and those that are not there. */
  clipFileCount: number;
  missingClipFileCount: number;
  missingClipFiles: string[];
}

/** A file that rows name. */
interface NamedFile {
  folder: string;
  name: string;
  isPacked: boolean;
}

/** Different files that rows name, by their places. */
class NamedFiles {
  readonly #files = new Map<string, NamedFile>();
  #inlineCount = 0;

  /** @param place of a file of rows, for what is packed with them */
  add(place: string, file: NamedFile): void {
    if (isInline(file.name)) this.#inlineCount += 1;
    else this.#files.set(join(file.isPacked ? place : file.folder, file.name), file);
  }

  get count(): number {
    return this.#files.size + this.#inlineCount;
  }

  async missing(): Promise<string[]> {
    const missing: string[] = [];
    for (const { folder, name, isPacked } of this.#files.values())
      if (!isPacked && !(await imageExists(folder, name))) missing.push(name);
    return missing;
  }
}

/**
 * Reads files of rows once and says what they hold.
 *
 * @param folder folder of pictures and clips; null: each file's own. What is packed with its rows is there
 * @param namedFiles missing pictures, and files of clips, that are named
 * @throws InvalidDatasetError where a file is not there or is no dataset
 */
export async function inspectData(
  files: readonly string[],
  folder: string | null,
  taskField: string,
  namedFiles = NAMED_FILES,
): Promise<InspectedData> {
  const inspector = new DatasetInspector();
  const [images, clips] = [new NamedFiles(), new NamedFiles()];
  let [byteCount, clipRowCount] = [0, 0];
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
      const named = (name: string): NamedFile => ({ folder: imageFolder, name, isPacked: packed.has(name) });
      for (const name of row.images) images.add(file, named(name));
      for (const name of row.clips.flatMap(({ files: own }) => own)) clips.add(file, named(name));
      if (row.clips.length > 0) clipRowCount += 1;
    }
  }
  const [missingImages, missingClipFiles] = [await images.missing(), await clips.missing()];
  return {
    byteCount,
    ...inspector.contents(),
    imageCount: images.count,
    missingImageCount: missingImages.length,
    missingImages: missingImages.slice(0, namedFiles),
    clipRowCount,
    clipFileCount: clips.count,
    missingClipFileCount: missingClipFiles.length,
    missingClipFiles: missingClipFiles.slice(0, namedFiles),
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
