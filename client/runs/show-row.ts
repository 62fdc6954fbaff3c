// Everything that a run knows of one row.
import { resolve } from 'node:path';
import { localDataset } from '../../activities/shared/local-dataset.ts';
import type { ClipKind } from '../../contracts/clips.ts';
import type { RunResult } from '../../contracts/messages/run.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import type { Turn } from '../../dataset/forms/conversation.ts';
import { pathBelow } from '../../dataset/images/image-file.ts';
import { imageName, isInline } from '../../dataset/images/inline-image.ts';
import { isRejection } from '../../dataset/rows/row-outcome.ts';
import { RowReader } from '../../dataset/rows/row-reader.ts';
import { folderOfImage } from '../../dataset/rows/row-source.ts';
import type { RowSource } from '../../dataset/rows/row-source.ts';
import { openStore } from '../../store/open-store.ts';
import type { Store } from '../../store/store.ts';
import { contentHexAt } from '../../tables/hash-column.ts';
import { readExcluded } from '../../tables/excluded.ts';
import { rowsTable } from '../../tables/rows.ts';
import { readCopies } from '../../tables/selection.ts';
import { NearestRows } from './nearest-rows.ts';
import { instanceValues, valuesTable } from '../../tables/values.ts';
import type { ValuesBatch } from '../../tables/values.ts';

/** What a run knows of one row. */
export interface ShownRow {
  rowIndex: number;
  /** Raw JSON text of `id`, or null. */
  id: string | null;
  task: string | null;
  /** Why the row was set aside, or null. */
  reason: string | null;
  /** File that the row stands in, and the bytes it takes there. */
  source: string;
  byteStart: number;
  byteEnd: number;
  contentHash: string;
  tokenCount: number;
  supervisedTokenCount: number;
  /** Pictures as files; in a bucket, as addresses. */
  images: string[];
  /** Videos and sounds: a file each, or a video's frames. */
  clips: { kind: ClipKind; files: string[] }[];
  turns: Turn[];
  /** Null for a row without a value. */
  values: {
    loss: number;
    gradientNorm: number;
    el2n: number;
    meanOfCosines: number;
    cosineToMean: number;
    /** Rows of the task with a higher instance value, and rows of the task. */
    rank: number;
    taskRowCount: number;
  } | null;
  /** How often the row was drawn. */
  copies: number;
  /** Whether `dataset.exclude_rows` has left it out. */
  isExcluded: boolean;
  /** Rows whose gradients point most nearly the same way, of all tasks. */
  nearest: { rowIndex: number; task: string; cosine: number }[];
}

/** @throws RangeError where the run has no such row */
export async function showRow(result: RunResult, rowIndex: number): Promise<ShownRow> {
  const { dataset, config, gradients, values } = result;
  if (dataset === null)
    throw new RangeError('show: run must have read its dataset, got no rows; tive run RECIPE first');
  const store = openStore(config.store.uri);
  const place = await findRow(store, result, rowIndex);
  const selection = result.methods[0]?.selection ?? null;
  const isSetAside = gradients === null || place.reason !== null;
  const { lateReason, nearest } = isSetAside
    ? { lateReason: null, nearest: [] }
    : await neighboursOf(store, result, rowIndex);
  return {
    ...place,
    reason: place.reason ?? lateReason,
    ...(await readDialogue(result, place)),
    values: values === null ? null : await readValues(store, result, rowIndex),
    isExcluded: values !== null && (await readExcluded(store, values.values)).includes(rowIndex),
    copies: selection === null ? 0 : ((await readCopies(store, selection.selection)).get(rowIndex) ?? 0),
    nearest,
  };
}

type Place = Omit<ShownRow, 'images' | 'clips' | 'turns' | 'values' | 'copies' | 'isExcluded' | 'nearest'> & {
  sourceIndex: number;
};

async function findRow(store: Store, { dataset, config }: RunResult, wanted: number): Promise<Place> {
  const { rows, rowCount } = dataset!;
  let found: Place | null = null;
  // To the end, where the hash of the table is known to be right.
  for await (const batch of rowsTable.read(store, rows)) {
    const row = batch.rowIndex.indexOf(wanted);
    if (row < 0) continue;
    const sourceIndex = batch.sourceIndex[row]!;
    found = {
      rowIndex: wanted,
      sourceIndex,
      id: batch.id[row]!,
      task: batch.task[row]!,
      reason: batch.reason[row]!,
      source: config.dataset.path[sourceIndex]!,
      byteStart: Number(batch.byteStart[row]),
      byteEnd: Number(batch.byteEnd[row]),
      contentHash: contentHexAt(batch.contentHash, row),
      tokenCount: batch.tokenCount[row]!,
      supervisedTokenCount: batch.supervisedTokenCount[row]!,
    };
  }
  if (found !== null) return found;
  const last = (rowCount - 1).toLocaleString('en');
  throw new RangeError(`show: row must be from 0 to ${last}, got ${wanted.toLocaleString('en')}`);
}

/** Reads a run's rows again; to be closed. */
export async function openRows({ config }: RunResult): Promise<RowReader> {
  return RowReader.over(await localDataset(openStore, config.dataset, null));
}

/** Texts and pictures as they are now; none where the row cannot be read. */
async function readDialogue(result: RunResult, place: Place): Promise<Pick<ShownRow, 'images' | 'clips' | 'turns'>> {
  const reader = await openRows(result);
  try {
    const { row, source } = await reader.at(place);
    if (isRejection(row)) return { images: [], clips: [], turns: [] };
    const placeOf = (name: string): string => placeOfImage(source, name);
    const clips = row.clips.map(({ kind, files }) => ({ kind, files: files.map(placeOf) }));
    return { images: row.images.map(placeOf), clips, turns: row.turns };
  } finally {
    await reader.close();
  }
}

function placeOfImage(source: RowSource, image: string): string {
  return isInline(image)
    ? imageName(image)
    : resolve(folderOfImage(source, image), pathBelow(source.imageFolder, image));
}

async function readValues(store: Store, { values, config }: RunResult, wanted: number): Promise<ShownRow['values']> {
  const found = await findValues(store, values!.values, wanted);
  if (found === null) return null;
  const { batch, row } = found;
  const kind = config.values.instanceValue;
  const value = instanceValues(batch, kind)[row]!;
  let [rank, taskRowCount] = [1, 0];
  for await (const other of valuesTable.read(store, values!.values)) {
    const column = instanceValues(other, kind);
    for (const [place, task] of other.task.entries()) {
      if (task !== batch.task[row]) continue;
      taskRowCount += 1;
      if (column[place]! > value) rank += 1;
    }
  }
  return {
    loss: batch.loss[row]!,
    gradientNorm: batch.gradientNorm[row]!,
    el2n: batch.el2n[row]!,
    meanOfCosines: batch.meanOfCosines[row]!,
    cosineToMean: batch.cosineToMean[row]!,
    rank,
    taskRowCount,
  };
}

async function findValues(
  store: Store,
  values: ArtifactReference,
  wanted: number,
): Promise<{ batch: ValuesBatch; row: number } | null> {
  let found: { batch: ValuesBatch; row: number } | null = null;
  for await (const batch of valuesTable.read(store, values)) {
    const row = batch.rowIndex.indexOf(wanted);
    if (row >= 0) found = { batch, row };
  }
  return found;
}

interface GradientNeighbours {
  /** Why the row's gradient cannot be used, or null. */
  lateReason: string | null;
  nearest: ShownRow['nearest'];
}

/** Of one row: nothing is kept for others. */
async function neighboursOf(store: Store, result: RunResult, wanted: number): Promise<GradientNeighbours> {
  const tables = await NearestRows.open(result, 0);
  const lateReason = tables?.lateReason(wanted) ?? null;
  if (tables === null || lateReason !== null) return { lateReason, nearest: [] };
  const [found = []] = await tables.nearest([wanted]);
  const tasks = await tasksOf(store, result, new Set(found.map(({ rowIndex }) => rowIndex)));
  return {
    lateReason,
    nearest: found.map(({ rowIndex, cosine }) => ({ rowIndex, task: tasks.get(rowIndex) ?? '', cosine })),
  };
}

async function tasksOf(
  store: Store,
  { dataset }: RunResult,
  wanted: ReadonlySet<number>,
): Promise<ReadonlyMap<number, string>> {
  const tasks = new Map<number, string>();
  if (wanted.size === 0) return tasks;
  for await (const { rowIndex, task } of rowsTable.read(store, dataset!.rows))
    for (const [row, index] of rowIndex.entries()) if (wanted.has(index)) tasks.set(index, task[row] ?? '');
  return tasks;
}
