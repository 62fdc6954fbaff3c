// Rows that the report shows, read again: texts and small pictures.
import { basename, dirname } from 'node:path';
import sharp from 'sharp';
import type { Config, DatasetConfig } from '../../contracts/config.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import type { RowPlace } from '../../contracts/row-place.ts';
import type { ExampleRow } from '../../contracts/summary.ts';
import { decodeImage } from '../../dataset/images/image-decode.ts';
import type { RgbImage } from '../../dataset/images/image-decode.ts';
import { readImageFile } from '../../dataset/images/image-file.ts';
import { isInline } from '../../dataset/images/inline-image.ts';
import type { ParsedRow } from '../../dataset/rows/parse-row.ts';
import { isRejection } from '../../dataset/rows/row-outcome.ts';
import { RowReader } from '../../dataset/rows/row-reader.ts';
import { folderOfImage } from '../../dataset/rows/row-source.ts';
import type { RowSource } from '../../dataset/rows/row-source.ts';
import { isS3 } from '../../store/s3-client.ts';
import type { Store } from '../../store/store.ts';
import { rowsTable } from '../../tables/rows.ts';
import type { Pauses } from '../shared/heartbeat.ts';
import { localFile, localSource } from '../shared/local-dataset.ts';

/** Longest edge of a picture in the report, in pixels. */
const THUMBNAIL_EDGE = 128;
const JPEG_QUALITY = 70;

/** Of each dialogue the report shows so much. */
const MAX_TURNS = 4;
const MAX_CHARACTERS = 400;

/** Where a row lies in the dataset's files, and its first picture. */
interface PlacedRow extends RowPlace {
  image: string | null;
}

/**
 * Reads dialogues and pictures of the chosen rows again from the dataset. What cannot be read any more is left out: the
 * report is about a run that has already happened.
 */
export async function readExamples<Candidate extends { rowIndex: number }>(
  store: Store,
  rows: ArtifactReference,
  candidates: readonly Candidate[],
  { dataset }: Config,
  openStore: (uri: string) => Store,
  pulse: Pauses,
): Promise<(Candidate & Pick<ExampleRow, 'thumbnail' | 'turns'>)[]> {
  const wanted = new Set(candidates.map(({ rowIndex }) => rowIndex));
  return withRows(store, rows, wanted, dataset, openStore, pulse, async (read) => {
    const examples: (Candidate & Pick<ExampleRow, 'thumbnail' | 'turns'>)[] = [];
    for (const candidate of candidates) {
      const row = await read(candidate.rowIndex);
      const turns = row?.parsed?.turns.slice(0, MAX_TURNS).map(({ role, value }) => ({ role, text: cut(value) })) ?? [];
      const bytes = row === null ? null : await row.picture();
      examples.push({ ...candidate, thumbnail: bytes === null ? null : await thumbnailOf(bytes), turns });
      await pulse.pause();
    }
    return examples;
  });
}

/** A row as it is in the dataset now. */
export interface ReportRow {
  /** Null where it cannot be read any more. */
  parsed: ParsedRow | null;
  /** Bytes of its first picture; null where it has none, or none that can be read. */
  picture(): Promise<Uint8Array | null>;
}

/** Reads a row; null for one that has no place in the dataset any more. */
export type ReadRowOf = (rowIndex: number) => Promise<ReportRow | null>;

/** Opens the dataset for some of its rows while `use` reads them. */
export async function withRows<Result>(
  store: Store,
  rows: ArtifactReference,
  wanted: ReadonlySet<number>,
  dataset: DatasetConfig,
  openStore: (uri: string) => Store,
  pulse: Pauses,
  use: (read: ReadRowOf) => Promise<Result>,
): Promise<Result> {
  const places = await findRows(store, rows, wanted, pulse);
  // A file is brought for the first of its rows: most reports show rows of few.
  const sources = new Map<number, Promise<RowSource>>();
  const sourceOf = (index: number): Promise<RowSource> => {
    const found = sources.get(index) ?? localSource(openStore, dataset, index);
    sources.set(index, found);
    return found;
  };
  const reader = new RowReader(dataset, sourceOf);
  const read: ReadRowOf = async (rowIndex) => {
    const place = places.get(rowIndex);
    const source = place === undefined ? null : await sourceOf(place.sourceIndex).catch(() => null);
    if (place === undefined || source === null) return null;
    const { image } = place;
    const parsed = await readParsed(place, reader);
    // The table has the name alone of a picture that stands in its row.
    const path = parsed?.images.slice(0, 1).find(isInline) ?? image;
    return {
      parsed,
      picture: () => (path === null ? Promise.resolve(null) : readBytes(path, source, openStore)),
    };
  };
  try {
    return await use(read);
  } finally {
    await reader.close();
  }
}

async function findRows(
  store: Store,
  rows: ArtifactReference,
  wanted: ReadonlySet<number>,
  pulse: Pauses,
): Promise<ReadonlyMap<number, PlacedRow>> {
  const places = new Map<number, PlacedRow>();
  if (wanted.size === 0) return places;
  for await (const batch of rowsTable.read(store, rows)) {
    for (const [row, rowIndex] of batch.rowIndex.entries()) {
      if (!wanted.has(rowIndex)) continue;
      places.set(rowIndex, {
        rowIndex,
        sourceIndex: batch.sourceIndex[row]!,
        byteStart: Number(batch.byteStart[row]!),
        byteEnd: Number(batch.byteEnd[row]!),
        contentHash: null,
        image: batch.image[row]!,
      });
    }
    await pulse.pause();
  }
  return places;
}

async function readParsed(place: RowPlace, reader: RowReader): Promise<ParsedRow | null> {
  try {
    const { row } = await reader.at(place);
    return isRejection(row) ? null : row;
  } catch {
    return null;
  }
}

function cut(text: string): string {
  return text.length <= MAX_CHARACTERS ? text : `${text.slice(0, MAX_CHARACTERS - 1)}…`;
}

/** One picture alone: a machine that only writes the report has no need of the others. */
async function readPicture(image: string, folder: string, openStore: (uri: string) => Store) {
  if (!isS3(folder) || isInline(image)) return readImageFile(folder, image);
  const path = await localFile(openStore, `${folder}/${image}`);
  return readImageFile(dirname(path), basename(path));
}

async function readBytes(
  image: string,
  source: RowSource,
  openStore: (uri: string) => Store,
): Promise<Uint8Array | null> {
  const read = await readPicture(image, folderOfImage(source, image), openStore).catch(() => null);
  return read === null || isRejection(read) ? null : read.bytes;
}

/** A small JPEG of a picture, made anew from its pixels; null where it cannot be decoded. */
async function thumbnailOf(bytes: Uint8Array): Promise<string | null> {
  const decoded = await decodeImage(bytes);
  return isRejection(decoded) ? null : thumbnailOfPicture(decoded);
}

/** A small JPEG of a decoded picture, as a data URI. */
export async function thumbnailOfPicture({ data, width, height }: RgbImage): Promise<string> {
  const small = sharp(data, { raw: { width, height, channels: 3 } }).resize(THUMBNAIL_EDGE, THUMBNAIL_EDGE, {
    fit: 'inside',
    withoutEnlargement: true,
  });
  return `data:image/jpeg;base64,${(await small.jpeg({ quality: JPEG_QUALITY }).toBuffer()).toString('base64')}`;
}
