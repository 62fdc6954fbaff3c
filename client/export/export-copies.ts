// Rows whose pictures are changed, in an export: the pictures as files beside the rows, and rows that name them.
import { resolve } from 'node:path';
import sharp from 'sharp';
import type { PictureChange } from '../../contracts/augmentation.ts';
import type { DatasetConfig } from '../../contracts/config.ts';
import type { RowPlace } from '../../contracts/row-place.ts';
import { FORMS } from '../../dataset/forms/forms.ts';
import { PART_IMAGE_KEYS } from '../../dataset/forms/row-form.ts';
import type { ChangePicture } from '../../dataset/images/change-picture.ts';
import type { RgbImage } from '../../dataset/images/image-decode.ts';
import { parseRow } from '../../dataset/rows/parse-row.ts';
import type { ParsedRow } from '../../dataset/rows/parse-row.ts';
import { withStrings } from '../../dataset/rows/raw-json.ts';
import { isRejection } from '../../dataset/rows/row-outcome.ts';
import { keyOfImage } from '../../dataset/rows/row-reader.ts';
import type { RowReader } from '../../dataset/rows/row-reader.ts';
import type { RowSource } from '../../dataset/rows/row-source.ts';
import type { Store } from '../../store/store.ts';

/** Keys under which a row names pictures, in whatever form. */
export const IMAGE_KEYS: readonly string[] = [...FORMS.map(({ images }) => images), ...PART_IMAGE_KEYS];

/** A row as the run saw it. */
export interface ParentRow {
  place: RowPlace;
  bytes: Uint8Array;
  parsed: ParsedRow;
  source: RowSource;
}

/** Where copies are written, and by what. */
export interface CopyTarget {
  reader: RowReader;
  dataset: DatasetConfig;
  change: ChangePicture;
  /** Folder of the rows' file. */
  files: Store;
  /** Folder of the changed pictures below it. */
  folder: string;
}

/** The folder of a run's changed pictures, below that of the rows' file. */
export function copiesFolder(runName: string): string {
  return `images/${runName}/copies`;
}

/**
 * Writes the changed pictures of a copy as PNG files, whose pixels are those that were trained on.
 *
 * @param copy which one of the row it is, from 2
 * @returns the row's bytes with the files in the place of its pictures: by their full paths, since the others lie below
 * `image_folder`; below the rows' file where pictures are packed with the rows and copied there
 * @throws InvalidDatasetError where the pictures are no longer those that the run saw
 * @throws RangeError where the row names its pictures in a way that cannot be changed in its bytes
 */
export async function rowWithChanges(
  { place, bytes, parsed, source }: ParentRow,
  copy: number,
  change: PictureChange,
  target: CopyTarget,
): Promise<Uint8Array> {
  const { reader, dataset, files, folder } = target;
  const images = parsed.images.map((path, index) => keyOfImage(place, source, path, index));
  await reader.requireUnchanged(place, parsed.turns, images);
  const names = new Map<string, string>();
  for (const [index, picture] of (await reader.pictures(images)).entries()) {
    if (names.has(parsed.images[index]!)) continue;
    const name = `${folder}/${pictureName(place, copy, change)}${images.length > 1 ? `-${index + 1}` : ''}.png`;
    await files.write(name, [await asPng(await target.change(picture, change))]);
    names.set(parsed.images[index]!, source.packed === null ? resolve(files.uri, name) : name);
  }
  const keys = imageKeys(dataset, source);
  const renamed = withStrings(new TextDecoder().decode(bytes), (value, key) =>
    key !== null && keys.has(key) ? (names.get(value) ?? value) : value,
  );
  const changed = Buffer.from(renamed);
  requireNames(
    changed,
    parsed.images.map((image) => names.get(image)!),
    { place, dataset, source },
  );
  return changed;
}

/** Of the row's content, the row, the copy and what was done: `14e9fa39971b7cec-12-2-flip`. */
function pictureName({ contentHash, rowIndex }: RowPlace, copy: number, { operation }: PictureChange): string {
  const content = Buffer.from(contentHash!).toString('hex').slice(0, 16);
  return `${content}-${rowIndex}-${copy}-${operation}`;
}

function asPng({ data, width, height }: RgbImage): Promise<Buffer> {
  return sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

/** Keys under which rows of a source name pictures. */
function imageKeys({ columns }: DatasetConfig, { form }: RowSource): ReadonlySet<string> {
  const mapped = [columns?.image, columns?.images, form?.images];
  return new Set([...IMAGE_KEYS, ...mapped.filter((key) => key !== undefined)]);
}

/** That a row read again names these pictures. */
function requireNames(
  row: Uint8Array,
  wanted: readonly string[],
  { place, dataset, source }: { place: RowPlace; dataset: DatasetConfig; source: RowSource },
): void {
  const parsed = parseRow(row, { ...dataset, form: source.form });
  if (!isRejection(parsed) && parsed.images.join('\0') === wanted.join('\0')) return;
  throw new RangeError(
    `export: row ${place.rowIndex.toLocaleString('en')} must name each picture as a text of its own for a copy with a ` +
      'changed one, got another form; tive data convert writes such rows',
  );
}
