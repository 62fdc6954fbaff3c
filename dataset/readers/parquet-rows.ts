// Rows and pictures of a Parquet file, a row group at a time.
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import type { Compressors, RowGroup } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import type { JsonObject } from '../../contracts/json-object.ts';
import { imageType } from '../images/image-type.ts';
import { pictureName } from './packed-row.ts';
import { objectOf } from '../rows/raw-json.ts';

/** A row as a JSON text, and its pictures. */
export interface UnpackedRow {
  json: string;
  pictures: { name: string; bytes: Uint8Array }[];
}

/** Largest row group that is read: it is held in memory as a whole. */
const MAX_GROUP_BYTES = 4 * 1024 ** 3;
const MAX_GROUP_ROWS = 5_000_000;

/**
 * Rows of a Parquet file as Hugging Face's datasets write them, one row group in memory at a time. A column
 * `struct<bytes, path>`, or a list of it, becomes pictures and their names; `texts: list<user, assistant, source>`
 * becomes turns, and its `source` the label `dataset` where the row has none. Other columns stay as they are, without
 * what JSON cannot say: bytes are left out.
 *
 * @throws Error where the file is damaged or too large to be unpacked
 */
export async function* parquetRows(path: string): AsyncGenerator<UnpackedRow> {
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file);
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + checkedRows(group);
    const rows = await parquetReadObjects({ file, metadata, rowStart, rowEnd, compressors: bounded(), utf8: false });
    if (rows.length !== rowEnd - rowStart) {
      throw new Error(
        `${rows.length.toLocaleString('en')} of ${(rowEnd - rowStart).toLocaleString('en')} rows of a row group`,
      );
    }
    for (const [index, row] of rows.entries()) yield unpack(row as JsonObject, rowStart + index);
    rowStart = rowEnd;
  }
}

function checkedRows({ num_rows: rows, total_byte_size: bytes, columns }: RowGroup): number {
  const unpacked = columns.reduce(
    (sum, { meta_data: data }) => sum + Number(data?.total_uncompressed_size ?? 0),
    Number(bytes),
  );
  if (!(unpacked <= 2 * MAX_GROUP_BYTES)) {
    throw new Error(`a row group of ${(unpacked / 2e9).toFixed(1)} GB; write row groups of at most 4 GiB`);
  }
  if (!(Number(rows) >= 0 && Number(rows) <= MAX_GROUP_ROWS)) {
    throw new Error(`a row group of ${Number(rows).toLocaleString('en')} rows; write at most 5,000,000`);
  }
  return Number(rows);
}

/** Decompressors that refuse before they allocate: a page may claim any size. */
function bounded(): Compressors {
  let total = 0;
  return Object.fromEntries(
    Object.entries(compressors).map(([codec, decompress]) => [
      codec,
      (input: Uint8Array, outputLength: number): Uint8Array => {
        total += outputLength;
        if (!(outputLength >= 0 && total <= MAX_GROUP_BYTES))
          throw new Error(
            `pages of ${(total / 1e9).toFixed(1)} GB in one row group; write row groups of at most 4 GiB`,
          );
        return decompress(input, outputLength);
      },
    ]),
  );
}

function unpack(row: JsonObject, rowIndex: number): UnpackedRow {
  const pictures: UnpackedRow['pictures'] = [];
  const take = (bytes: Uint8Array): string => {
    const type = imageType(bytes);
    const name = pictureName(rowIndex, pictures.length, typeof type === 'string' ? EXTENSIONS[type] : 'bin');
    pictures.push({ name, bytes });
    return name;
  };
  const fields = Object.fromEntries(
    Object.entries(row).map(([key, value]) => [key, withoutPictures(value, take, IMAGE_KEY.test(key))]),
  );
  const listed = fields['images'] ?? fields['image'] ?? null;
  const imageCount = Array.isArray(listed) ? listed.length : listed === null ? pictures.length : 1;
  return { json: jsonText(withTurns(fields, imageCount)) ?? '{}', pictures };
}

const EXTENSIONS = { jpeg: 'jpg', png: 'png', gif: 'gif', webp: 'webp', tiff: 'tif', avif: 'avif' } as const;

/** Columns whose bytes are pictures whatever they hold. */
const IMAGE_KEY = /^images?$/;

/**
 * Names in the place of pictures: `{ bytes, path }`, bytes alone, or lists and objects of either. A path without bytes
 * stays. Bytes alone in another column are a picture only if they begin like one.
 */
function withoutPictures(value: unknown, take: (bytes: Uint8Array) => string, isImage: boolean): unknown {
  if (value instanceof Uint8Array) {
    const isPicture = value.length > 0 && (isImage || typeof imageType(value) === 'string');
    return isPicture ? take(value) : undefined;
  }
  if (Array.isArray(value)) return value.map((item) => withoutPictures(item, take, isImage));
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  if (!('bytes' in value)) {
    const entries = Object.entries(value as JsonObject);
    return Object.fromEntries(entries.map(([key, item]) => [key, withoutPictures(item, take, IMAGE_KEY.test(key))]));
  }
  const { bytes, path } = value as { bytes: unknown; path?: unknown };
  return bytes instanceof Uint8Array && bytes.length > 0 ? take(bytes) : path;
}

/** The Cauldron's `texts` as turns, the pictures in front of the first question. */
function withTurns(fields: JsonObject, pictureCount: number): JsonObject {
  const { texts, ...rest } = fields;
  const isPlain = fields['conversations'] === undefined && fields['messages'] === undefined && Array.isArray(texts);
  const pairs = isPlain ? (texts as (JsonObject | null)[]) : [];
  if (!isPlain || !pairs.every((pair) => typeof pair?.['user'] === 'string')) return fields;
  const conversations = pairs.flatMap((pair, index) => [
    { from: 'human', value: `${index === 0 ? '<image>\n'.repeat(pictureCount) : ''}${pair!['user'] as string}` },
    { from: 'gpt', value: pair!['assistant'] },
  ]);
  const source = pairs[0]?.['source'];
  return { ...(typeof source === 'string' ? { dataset: source } : {}), ...rest, conversations };
}

/**
 * JSON as `JSON.stringify` writes it, but whole numbers of any size as they are; undefined where there is nothing to
 * say.
 */
function jsonText(value: unknown): string | undefined {
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return `[${value.map((item) => jsonText(item) ?? 'null').join(',')}]`;
  if (typeof value !== 'object' || value === null || value instanceof Date) return JSON.stringify(value);
  const fields = Object.entries(value).map(([key, item]) => [key, jsonText(item)] as const);
  return objectOf(fields.filter((field): field is [string, string] => field[1] !== undefined));
}
