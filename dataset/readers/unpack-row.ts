// A row of a table with pictures as a JSON text and its pictures.
import type { JsonObject } from '../../contracts/json-object.ts';
import { imageType } from '../images/image-type.ts';
import { objectOf } from '../rows/raw-json.ts';
import { pictureName } from './packed-row.ts';

/** A row as a JSON text, and its pictures. */
export interface UnpackedRow {
  json: string;
  pictures: { name: string; bytes: Uint8Array }[];
}

/** The row's text, with names in the place of pictures; what JSON cannot say is left out. */
export function unpackRow(row: JsonObject, rowIndex: number): UnpackedRow {
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

/** Columns whose bytes are pictures, videos or sounds whatever they hold. */
const IMAGE_KEY = /^(image|video|audio)s?$/;

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
