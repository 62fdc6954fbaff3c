// Rows and pictures of a WebDataset shard, member by member.
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import type { ReadableStream, ReadableStreamDefaultReader } from 'node:stream/web';
import { createTarDecoder } from 'modern-tar';
import type { ParsedTarEntry } from 'modern-tar';
import type { ClipKind } from '../../contracts/clips.ts';
import { InvalidDatasetError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json-object.ts';
import { readFields } from '../rows/parse-row.ts';
import { pictureName } from './packed-row.ts';
import type { WritePicture } from './packed-row.ts';
import { objectOf, onOneLine, rawFields, withoutBreaks } from '../rows/raw-json.ts';
import { isRejection } from '../rows/row-outcome.ts';
import { MAX_ROW_BYTES } from './row-splitter.ts';

// Kinds are told by what stands behind the last dot of a name, whatever stands before it: `x.v2.json`, `x.v2.png`.
const JSON_TEXT = /^(?:.*\.)?json$/;
const PICTURE = /^(?:.*\.)?(jpe?g|jpe|jfif|png|gif|webp|tiff?|avif|bmp|heic|svg)$/;

const VIDEO = /^(?:.*\.)?(mp4|webm|mov|avi|mkv|mpe?g)$/;
const SOUND = /^(?:.*\.)?(wav|mp3|flac|ogg|m4a|opus)$/;

/** Consecutive members with one stem. */
interface Sample {
  stem: string;
  /** Members of JSON by extension. */
  texts: Map<string, Uint8Array>;
  pictures: string[];
  /** Names of videos and sounds that were written out. */
  clips: Record<ClipKind, string[]>;
  /** Members that are none of these, by extension, with their sizes. */
  others: Map<string, number>;
}

/**
 * Rows of a WebDataset shard as JSON texts of a line, streaming: consecutive members with one stem, the base name up to
 * its first dot, are a row. Its fields are those of its one member of JSON, or of several of `json`; its pictures are
 * written out and named by `image`, or by `images` where there are several or the row is of that form; videos and
 * sounds by `video` and `audio`. Members' own names never become paths.
 *
 * @throws InvalidDatasetError where the archive is damaged or cut short
 */
export async function* tarRows(path: string, writePicture: WritePicture): AsyncGenerator<Uint8Array> {
  let rowIndex = 0;
  let sample: Sample | null = null;
  const loose = new Map<string, number>();
  const name = basename(path);
  const progress = { bytes: 0 };
  for await (const { header, body } of members(path, name, progress)) {
    const { stem, extension } = splitName(header.name);
    if (header.type !== 'file' || isHidden(header.name)) continue;
    if (stem === '') {
      // Of no row: it is said as a key of the row before, or of the first.
      (sample?.others ?? loose).set(extension, header.size);
      continue;
    }
    if (sample !== null && sample.stem !== stem) {
      yield toRow(sample);
      rowIndex += 1;
      sample = null;
    }
    sample ??= { stem, texts: new Map(), pictures: [], clips: { video: [], audio: [] }, others: new Map(loose) };
    loose.clear();
    const picture = PICTURE.exec(extension);
    const clip = VIDEO.exec(extension) ?? SOUND.exec(extension);
    if (JSON_TEXT.test(extension)) sample.texts.set(extension, await readJson(body, header.size));
    else if (picture !== null) {
      const { pictures, clips } = sample;
      const place = pictures.length + clips.video.length + clips.audio.length;
      const target = pictureName(rowIndex, place, picture[1]!);
      await writePicture(target, body);
      sample.pictures.push(target);
    } else if (clip !== null) {
      const { video, audio } = sample.clips;
      const target = pictureName(rowIndex, sample.pictures.length + video.length + audio.length, clip[1]!);
      await writePicture(target, body);
      (VIDEO.test(extension) ? video : audio).push(target);
    } else sample.others.set(extension, header.size);
  }
  if (sample !== null) yield toRow(sample);
}

/** A member; what of its body is not read before the next one is asked for is passed over. */
interface Member {
  header: ParsedTarEntry['header'];
  body: AsyncIterable<Uint8Array>;
}

/**
 * Bodies are read to their ends, never cancelled: the decoder is ahead of its reader, and a cancelled body would take
 * the body of a later member with it, which nobody would ever fill.
 */
async function* members(path: string, name: string, progress: { bytes: number }): AsyncGenerator<Member> {
  const file = createReadStream(path, { highWaterMark: 1024 * 1024 });
  file.on('data', (chunk) => (progress.bytes += chunk.length));
  try {
    const decoder = createTarDecoder({ strict: true });
    const entries = (Readable.toWeb(file) as ReadableStream<Uint8Array>).pipeThrough(decoder as never);
    for await (const { header, body } of entries as unknown as AsyncIterable<ParsedTarEntry>) {
      const reader = body.getReader();
      yield { header, body: chunksOf(reader) };
      while (!(await reader.read()).done);
    }
  } catch (error) {
    if (error instanceof InvalidDatasetError || (error as NodeJS.ErrnoException).code !== undefined) throw error;
    throw new InvalidDatasetError(
      `${name}: must be a whole tar archive, got ${(error as Error).message} near byte ${progress.bytes.toLocaleString('en')}; download it again`,
      { cause: error },
    );
  } finally {
    file.destroy();
  }
}

async function* chunksOf(reader: ReadableStreamDefaultReader<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) yield chunk.value;
}

/** What systems leave beside files: `.DS_Store`, `._picture.jpg`. */
function isHidden(path: string): boolean {
  return path.slice(path.lastIndexOf('/') + 1).startsWith('.');
}

/** A name without a dot is of no row: it has no stem, and stands as the extension. */
function splitName(path: string): { stem: string; extension: string } {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const dot = name.indexOf('.');
  if (dot < 0) return { stem: '', extension: name };
  return { stem: path.slice(0, path.length - name.length + dot), extension: name.slice(dot + 1).toLowerCase() };
}

/** @returns null stands for a text that is too large to be a row */
async function readJson(body: Member['body'], size: number): Promise<Uint8Array> {
  if (size > MAX_ROW_BYTES) return Buffer.from(JSON.stringify(sizeText(size)));
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/**
 * The row's line. A member that is no JSON object stays as it is, but on one line: it is set aside later, with the
 * reason.
 */
function toRow({ stem, texts, pictures, clips, others }: Sample): Uint8Array {
  const [only = ''] = texts.size === 1 ? texts.keys() : ['json'];
  const json = texts.get(only) ?? null;
  for (const [extension, { length }] of texts) if (extension !== only) others.set(extension, length);
  const read = json === null ? { fields: {}, text: '{}' } : readFields(json);
  if (isRejection(read)) return isBlank(json!) ? CUT_SHORT : withoutBreaks(json!);
  const rest = [...others].map(([key, size]): [string, string] => [key, JSON.stringify(sizeText(size))]);
  const names = Object.entries({ ...namesOf(read.fields, pictures), ...clipNames(clips) }).map(
    ([key, value]) => [key, JSON.stringify(value)] as const,
  );
  const fields = new Map([['id', JSON.stringify(stem)], ...rest, ...rawFields(read.text), ...names]);
  return onOneLine(Buffer.from(objectOf(fields)));
}

/** Stands for an empty text, which would be no line at all. */
const CUT_SHORT = Buffer.from('[');

function isBlank(text: Uint8Array): boolean {
  return Buffer.from(text).toString('latin1').trim() === '';
}

function sizeText(size: number): string {
  return `a member of ${size.toLocaleString('en')} bytes`;
}

/** One clip of a kind under its name, several as a list. */
function clipNames(clips: Sample['clips']): JsonObject {
  return Object.fromEntries(
    Object.entries(clips).flatMap(([kind, names]): [string, unknown][] =>
      names.length === 0 ? [] : [names.length === 1 ? [kind, names[0]] : [`${kind}s`, names]],
    ),
  );
}

/** A row says by its keys in which form it wants its pictures named; without any, one is `image`. */
function namesOf(fields: JsonObject, pictures: readonly string[]): JsonObject {
  if (pictures.length === 0) return {};
  const isList = pictures.length > 1 || fields['messages'] !== undefined || fields['images'] !== undefined;
  if (!isList) return { image: pictures[0] };
  const hasOwn = fields['conversations'] !== undefined && fields['images'] === undefined;
  return hasOwn ? { image: pictures } : { images: pictures };
}
