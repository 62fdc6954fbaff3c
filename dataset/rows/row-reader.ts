// The one way in which a row that was found before is read again: by its place, with what it says now.
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { sep } from 'node:path';
import { InvalidDatasetError } from '../../contracts/failures.ts';
import type { RowPlace } from '../../contracts/row-place.ts';
import type { Turn } from '../forms/conversation.ts';
import { decodeImage } from '../images/image-decode.ts';
import type { ImageSize, RgbImage } from '../images/image-decode.ts';
import { readImageFile } from '../images/image-file.ts';
import { isInline } from '../images/inline-image.ts';
import { contentHash } from './content-hash.ts';
import { parseRow } from './parse-row.ts';
import type { ParsedRow, ParseOptions, RowIdentity } from './parse-row.ts';
import { isRejection } from './row-outcome.ts';
import type { Rejection } from './row-outcome.ts';
import { folderOfImage } from './row-source.ts';
import type { LocalDataset, RowSource } from './row-source.ts';

/** A row as it is in its file now. */
export interface ReadRow {
  /** The row's own bytes; fewer where the file has become shorter. */
  bytes: Uint8Array;
  /** What they say, or why they cannot be used. */
  row: ParsedRow | (Rejection & RowIdentity);
  source: RowSource;
}

/** A file of rows that is held open. */
interface OpenSource {
  source: RowSource;
  file: FileHandle;
}

/** Names a picture by the folder that it must lie below and its path there. */
export function imageKey(folder: string, path: string): string {
  return `${folder}${BELOW}${path}`;
}

/** {@link imageKey} of a row's picture; one that stands in the row itself is named by the row's place and its own. */
export function keyOfImage(
  { sourceIndex, byteStart, byteEnd }: Omit<RowPlace, 'rowIndex' | 'contentHash'>,
  source: RowSource,
  path: string,
  index: number,
): string {
  if (!isInline(path)) return imageKey(folderOfImage(source, path), path);
  return `${source.origin}${INSIDE}${[sourceIndex, byteStart, byteEnd, index].join(' ')}`;
}

/** Stands in no path. */
const BELOW = '\0';
const INSIDE = '\0\0';

/** A picture's {@link imageKey} as a path, for messages. */
export function pathOfImage(image: string): string {
  const [file = '', inside] = image.split(INSIDE);
  if (inside === undefined) return image.replace(BELOW, sep);
  const [, byteStart, , index] = inside.split(' ').map(Number);
  return `${file} byte ${byteStart!.toLocaleString('en')}: picture ${index! + 1} of the row`;
}

/** Pictures whose hashes are remembered. */
const REMEMBERED_IMAGES = 100_000;

/** Reads rows again by their byte ranges. Files stay open from their first row on: close it when done. */
export class RowReader {
  readonly #options: Omit<ParseOptions, 'form'>;
  readonly #sourceOf: (index: number) => Promise<RowSource>;
  readonly #opened = new Map<number, Promise<OpenSource>>();
  readonly #imageHashes = new Map<string, string>();

  /** @param sourceOf gives a file of the dataset when the first of its rows is read: it may be brought only then */
  constructor(options: Omit<ParseOptions, 'form'>, sourceOf: (index: number) => Promise<RowSource>) {
    this.#options = options;
    this.#sourceOf = sourceOf;
  }

  /** A reader of a dataset whose files are here. */
  static over(dataset: LocalDataset): RowReader {
    return new RowReader(dataset, (index) => Promise.resolve(dataset.sources[index]!));
  }

  /** The row at a place. @throws Error where its file cannot be opened */
  async at({ sourceIndex, byteStart, byteEnd }: Omit<RowPlace, 'rowIndex' | 'contentHash'>): Promise<ReadRow> {
    const { source, file } = await this.#open(sourceIndex);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(byteEnd - byteStart), { position: byteStart });
    const bytes = buffer.subarray(0, bytesRead);
    return { bytes, row: parseRow(bytes, { ...this.#options, form: source.form }), source };
  }

  /**
   * That a row's texts and pictures are those that the dataset stage saw; before it nothing is known of them.
   * @param images by their {@link imageKey}s
   * @param clips hashes of videos and sounds, as {@link contentHash} takes them
   * @throws InvalidDatasetError where they are others
   */
  async requireUnchanged(
    place: RowPlace,
    turns: readonly Turn[],
    images: readonly string[],
    clips: readonly (readonly string[])[] = [],
  ): Promise<void> {
    if (place.contentHash === null) return;
    const hashes: string[] = [];
    for (const image of images) {
      if (!this.#imageHashes.has(image)) await this.picture(image);
      hashes.push(this.#imageHashes.get(image)!);
    }
    if (Buffer.compare(contentHash(turns, hashes, clips), place.contentHash) !== 0)
      throw changedRow(place, clips.length > 0 ? 'other texts, videos or sounds' : 'other texts or pictures');
  }

  /** Bytes of a picture by its {@link imageKey}. @throws InvalidDatasetError where they are no longer readable */
  async picture(image: string): Promise<Uint8Array> {
    const read = await this.#readPicture(image);
    if (isRejection(read)) throw changedImage(image, read);
    if (this.#imageHashes.size >= REMEMBERED_IMAGES) this.#imageHashes.clear();
    this.#imageHashes.set(image, createHash('sha256').update(read.bytes).digest('hex'));
    return read.bytes;
  }

  /** Sizes of pictures by their {@link imageKey}s. @throws InvalidDatasetError where one is not readable */
  async imageSizes(images: readonly string[]): Promise<ImageSize[]> {
    return (await this.pictures(images)).map(({ width, height }) => ({ width, height }));
  }

  /** Decoded pictures by their {@link imageKey}s. @throws InvalidDatasetError where one is not readable */
  async pictures(images: readonly string[]): Promise<RgbImage[]> {
    const pictures: RgbImage[] = [];
    for (const image of images) {
      const decoded = await decodeImage(await this.picture(image));
      if (isRejection(decoded)) throw changedImage(image, decoded);
      pictures.push(decoded);
    }
    return pictures;
  }

  async #readPicture(image: string): ReturnType<typeof readImageFile> {
    const [, inside] = image.split(INSIDE);
    if (inside === undefined) {
      const [folder = '', path = ''] = image.split(BELOW);
      return readImageFile(folder, path);
    }
    const [sourceIndex = 0, byteStart = 0, byteEnd = 0, index = 0] = inside.split(' ').map(Number);
    const { row, source } = await this.at({ sourceIndex, byteStart, byteEnd });
    const path = isRejection(row) ? undefined : row.images[index];
    if (path !== undefined) return readImageFile(source.imageFolder, path);
    return { reason: 'image_missing', detail: 'a row without it' };
  }

  async close(): Promise<void> {
    const opened = [...this.#opened.values()];
    this.#opened.clear();
    for (const { file } of await Promise.all(opened)) await file.close();
  }

  #open(index: number): Promise<OpenSource> {
    const found = this.#opened.get(index);
    if (found !== undefined) return found;
    const opened = this.#sourceOf(index).then(async (source) => ({ source, file: await open(source.path, 'r') }));
    this.#opened.set(index, opened);
    opened.catch(() => this.#opened.delete(index));
    return opened;
  }
}

/** A row that is no longer what the dataset stage saw. */
export function changedRow({ rowIndex }: Pick<RowPlace, 'rowIndex'>, detail: string): InvalidDatasetError {
  return new InvalidDatasetError(
    `row ${rowIndex.toLocaleString('en')}: must be as the dataset stage saw it, got: ${detail}; the file changed, run again`,
  );
}

/** A picture that is no longer what the dataset stage saw. */
export function changedImage(image: string, { detail }: Rejection): InvalidDatasetError {
  return new InvalidDatasetError(
    `${pathOfImage(image)}: must be as the dataset stage saw it, got: ${detail}; run again`,
  );
}
