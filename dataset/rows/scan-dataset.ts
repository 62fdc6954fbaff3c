// One pass over a dataset: what is known of every row, and why one cannot be used.
import { createHash } from 'node:crypto';
import type { SizedClip } from '../../contracts/clips.ts';
import type { RowVectors } from '../../contracts/tower-vectors.ts';
import type { RowPlace } from '../../contracts/row-place.ts';
import { sizeClip } from './clip-files.ts';
import type { HashedClip } from './clip-files.ts';
import { contentHash } from './content-hash.ts';
import { decodeImage } from '../images/image-decode.ts';
import type { ImageSize } from '../images/image-decode.ts';
import { pathBelow, readImageFile } from '../images/image-file.ts';
import { extensionDiffers } from '../images/image-type.ts';
import { imageName, isInline } from '../images/inline-image.ts';
import { parseRow } from './parse-row.ts';
import type { ParseOptions } from './parse-row.ts';
import type { PromptEncoder, PromptRow } from '../prompts/prompt.ts';
import { isRejection } from './row-outcome.ts';
import type { Rejection } from './row-outcome.ts';
import { folderOfImage, rowsOf } from './row-source.ts';
import type { LocalDataset, RowSource } from './row-source.ts';
import { requireRegularFile } from '../readers/regular-file.ts';
import type { SourceRow } from '../readers/row-splitter.ts';
import type { TaskLabeller } from '../tasks/task-labeller.ts';

/** What is known of one row. */
export interface RowRecord extends RowPlace {
  id: string | null;
  task: string | null;
  /** Path of the first picture as given. */
  image: string | null;
  /** 32 bytes; zero for a row whose content could not be read. */
  contentHash: Uint8Array;
  tokenCount: number;
  imageTokenCount: number;
  supervisedTokenCount: number;
  truncated: boolean;
  /** Of its videos and sounds in the model's towers; absent: it has none. */
  towerVectors?: RowVectors;
  /** Why the row is set aside; null = usable. */
  rejection: Rejection | null;
  /** Whether the picture's extension names another type than its bytes. */
  extensionDiffers: boolean;
  /** Its keys that mean something to trainers and are not read here. */
  unreadKeys: readonly string[];
}

/** Rows in work at a time: pictures are read and decoded by a thread pool. */
const CONCURRENT_ROWS = 8;

/** Rows of one yielded chunk. */
const CHUNK_ROWS = 256;

/** Pictures whose hash and soundness are remembered. */
const REMEMBERED_IMAGES = 100_000;

const NO_HASH = new Uint8Array(32);

/** Of a picture that is not readable. */
const NO_SIZE: ImageSize = { width: 0, height: 0 };

/** What a picture's bytes say: their hash, or why they cannot be used. */
type ImageCheck = { sha256: string; differs: boolean; size: ImageSize; rejection: Rejection | null };

/** The files of a dataset, and what makes prompts and tasks of its rows. */
export interface ScanOptions {
  dataset: LocalDataset;
  encoder: PromptEncoder;
  label: TaskLabeller;
}

/**
 * Reads all sources in order, checks every row and its pictures, and yields records in row order, in chunks.
 * A bad row is set aside with its reason, never fatal. Memory is a few rows and a bounded table of pictures.
 *
 * @throws InvalidDatasetError for a source that is missing or of another form
 */
export async function* scanDataset({ dataset, encoder, label }: ScanOptions): AsyncGenerator<RowRecord[]> {
  const checks = dataset.sources.map(rememberingImages);
  let chunk: RowRecord[] = [];
  let pending: Promise<CheckedRow>[] = [];
  for await (const { row, sourceIndex, rowIndex } of sourceRows(dataset)) {
    const options = { ...dataset, form: dataset.sources[sourceIndex]!.form, label };
    const checked = checkRow(row, rowIndex, sourceIndex, options, checks[sourceIndex]!);
    // An error is thrown where the rows are gathered; until then, or where the source fails first, it counts as
    // handled.
    checked.catch(() => undefined);
    pending.push(checked);
    if (pending.length < CONCURRENT_ROWS) continue;
    chunk.push(...(await encodeRows(encoder, await Promise.all(pending))));
    pending = [];
    if (chunk.length < CHUNK_ROWS) continue;
    yield chunk;
    chunk = [];
  }
  chunk.push(...(await encodeRows(encoder, await Promise.all(pending))));
  if (chunk.length > 0) yield chunk;
}

async function* sourceRows({
  sources,
  maxRows,
}: LocalDataset): AsyncGenerator<{ row: SourceRow; sourceIndex: number; rowIndex: number }> {
  let rowIndex = 0;
  for (const [sourceIndex, source] of sources.entries()) {
    await requireRegularFile(source.path);
    for await (const row of rowsOf(source)) {
      if (maxRows !== null && rowIndex >= maxRows) return;
      // Lines of what was unpacked are none of the user's file.
      yield { row: source.packed === null ? row : { ...row, line: null }, sourceIndex, rowIndex };
      rowIndex += 1;
    }
  }
}

type ImageChecker = (path: string) => Promise<ImageCheck>;

function rememberingImages(source: RowSource): ImageChecker {
  const known = new Map<string, Promise<ImageCheck>>();
  return (path) => {
    // The picture itself would be the key.
    if (isInline(path)) return checkImage(source.imageFolder, path);
    let found = known.get(path);
    if (found === undefined) {
      if (known.size >= REMEMBERED_IMAGES) known.clear();
      found = checkImage(folderOfImage(source, path), path);
      known.set(path, found);
    }
    return found;
  };
}

/** Reads and decodes a picture, as every row's are. */
export async function checkImage(folder: string, path: string): Promise<ImageCheck> {
  const read = await readImageFile(folder, path);
  if (isRejection(read)) return { sha256: '', differs: false, size: NO_SIZE, rejection: read };
  const sha256 = createHash('sha256').update(read.bytes).digest('hex');
  const decoded = await decodeImage(read.bytes);
  return {
    sha256,
    differs: !isInline(path) && extensionDiffers(path, read.bytes),
    ...(isRejection(decoded)
      ? { size: NO_SIZE, rejection: decoded }
      : { size: { width: decoded.width, height: decoded.height }, rejection: null }),
  };
}

/** What is known of a row but its tokens. */
interface CheckedRow {
  record: RowRecord;
  /** What is to be encoded; null for a row that is set aside. */
  prompt: PromptRow | null;
}

/** The rows with what their tokens tell. */
async function encodeRows(encoder: PromptEncoder, rows: readonly CheckedRow[]): Promise<RowRecord[]> {
  const encoded = await encoder.encodeAll(rows.flatMap(({ prompt }) => prompt ?? []));
  let next = 0;
  return rows.map(({ record, prompt }) => {
    if (prompt === null) return record;
    const tokens = encoded[next++]!;
    if (isRejection(tokens)) return { ...record, rejection: tokens };
    const { ids, imageTokenCount, supervisedTokenCount, truncated, towerVectors } = tokens;
    const counts = { tokenCount: ids.length, imageTokenCount, supervisedTokenCount, truncated };
    return { ...record, ...counts, ...(towerVectors && { towerVectors }) };
  });
}

async function checkRow(
  row: SourceRow,
  rowIndex: number,
  sourceIndex: number,
  dataset: LocalDataset & ParseOptions & Pick<ScanOptions, 'label'>,
  checkOf: ImageChecker,
): Promise<CheckedRow> {
  const place = { rowIndex, sourceIndex, byteStart: row.byteStart, byteEnd: row.byteEnd };
  const empty = {
    tokenCount: 0,
    imageTokenCount: 0,
    supervisedTokenCount: 0,
    truncated: false,
    extensionDiffers: false,
    unreadKeys: [],
  };
  const parsed = parseRow(row.bytes, dataset);
  if (isRejection(parsed)) {
    const { id, task, reason, detail } = parsed;
    const where = row.line === null ? detail : `line ${row.line.toLocaleString('en')}: ${detail}`;
    const rejection = { reason, detail: where };
    return { record: { ...place, ...empty, id, task, image: null, contentHash: NO_HASH, rejection }, prompt: null };
  }
  const checks = await Promise.all(parsed.images.map((path) => checkOf(path)));
  const [firstImage] = parsed.images;
  const { imageFolder } = dataset.sources[sourceIndex]!;
  const clips = await Promise.all(parsed.clips.map((clip) => sizeClip(dataset.sources[sourceIndex]!, clip)));
  const paths = [...parsed.images, ...parsed.clips.flatMap(({ files }) => files.slice(0, 1))];
  const task = dataset.label({ ...parsed, images: paths.map((path) => pathBelow(imageFolder, path)) });
  const known = {
    ...place,
    id: parsed.id,
    task,
    image: firstImage === undefined ? null : imageName(firstImage),
    contentHash: contentHash(
      parsed.turns,
      checks.map(({ sha256 }) => sha256),
      parsed.clips.map(({ kind }, index) => [kind, ...hashesOf(clips[index]!)]),
    ),
    extensionDiffers: checks.some(({ differs }) => differs),
    unreadKeys: parsed.unreadKeys,
  };
  const bad =
    checks.find(({ rejection }) => rejection !== null)?.rejection ??
    clips.find(isRejection) ??
    (task === null ? taskMissing(dataset.taskField) : null);
  const record = { ...empty, ...known, rejection: bad };
  if (bad !== null) return { record, prompt: null };
  const imageSizes = () => Promise.resolve(checks.map(({ size }) => size));
  const sized = clips.flatMap((clip) => (isRejection(clip) ? [] : clip.content));
  return { record, prompt: { turns: parsed.promptTurns, imageCount: parsed.images.length, clips: sized, imageSizes } };
}

function hashesOf(clip: HashedClip<SizedClip> | Rejection): readonly string[] {
  return isRejection(clip) ? [] : clip.hashes;
}

function taskMissing(taskField: string): Rejection {
  return { reason: 'task_missing', detail: `row must have "${taskField}", got none` };
}
